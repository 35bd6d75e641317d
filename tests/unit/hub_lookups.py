"""Shared by the tests of lookups on the Hub."""

from typing import Any

import pytest

from extensions.mcc.errors.errors import HubError
from extensions.mcc.models import hub as lookups
from tests.fakes.hub import Hub, Model

NAME = "acme/tiny"
CONFIG = {"model_type": "llama", "num_hidden_layers": 2}
TOKEN = "hf_SecretOfTheTest"
FILES: dict[str, Any] = {
    "README.md": "# Tiny",
    "config.json": CONFIG,
    "tokenizer_config.json": {"chat_template": "{{ messages }}"},
}
TINY = Model(FILES, safetensors={"BF16": 1_000, "F32": 10})


def look(hub: Hub, name: str = NAME, revision: str | None = "main", **options: Any) -> lookups.HubModel:
    environ = {"HF_ENDPOINT": hub.url} | options.pop("environ", {})
    return lookups.lookup(name, revision, environ=environ, **options)


def failure(hub: Hub, name: str = NAME, revision: str | None = "main", **options: Any) -> HubError:
    with pytest.raises(HubError) as caught:
        look(hub, name, revision, **options)
    message = str(caught.value)
    assert name in message and "\n" not in message and len(message) < 330, message
    assert TOKEN not in message and not any(TOKEN in str(argument) for argument in caught.value.args)
    return caught.value


def file_path(file: str, commit: str = TINY.commit) -> str:
    return f"/{NAME}/resolve/{commit}/{file}"


INFO_PATH = f"/api/models/{NAME}/revision/main"
