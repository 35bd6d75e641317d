"""Looks a model up on the Hugging Face Hub: its commit, its configuration and the size of its weights.

Five small GET requests at most, under one deadline, with nothing written to disk.
"""

import os
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..errors.errors import HubError
from . import deadline as deadline_of
from .hub_client import HubClient
from .hub_listing import CHAT_TEMPLATES, CONFIG, INDEX, SENTENCES, TOKENIZER, natural

R = TypeVar("R")
ENDPOINT = "https://huggingface.co"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
OFFLINE_SWITCHES = ("MCC_OFFLINE", "HF_HUB_OFFLINE")


@dataclass(frozen=True)
class HubModel:
    """The Hub's facts about one model at one commit.

    `config` is config.json as it is. `weights_bytes` is the size of the safetensors tensors, None when
    unknown. `parameters` maps a safetensors dtype to the Hub's count of parameters, {} when unknown.
    `has_pooling` is True for a pooling module of Sentence Transformers, which read `max_seq_length` tokens at
    most, 0 when unknown.
    """

    name: str
    commit: str
    gated: bool
    config: dict[str, Any]
    weights_bytes: int | None
    parameters: dict[str, int]
    chat_template: bool
    has_pooling: bool = False
    max_seq_length: int = 0


def offline(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether the environment forbids requests."""
    return any(
        environ.get(name, "").strip().lower() in ("1", "true", "yes", "on") for name in OFFLINE_SWITCHES
    )


def lookup(
    name: str,
    revision: str | None = "main",
    token: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    deadline: float = 5.0,
) -> HubModel:
    """Return the Hub's facts about model `name` at the current commit of `revision`.

    `token` goes before HF_TOKEN, and HF_ENDPOINT names the server. All requests together take at most
    `deadline` seconds. Raises InvalidAnswer for a name or revision that cannot exist, before any request, and
    for a repository of an adapter or of GGUF files; HubError for everything else that goes wrong.
    """
    hub = _client(name, revision, token, environ)
    end = time.monotonic() + deadline
    info = _in_time(end, hub, deadline_of.start(hub.info, end))
    wanted = [file for file in (CONFIG, *info.optional_files()) if file in info.files]
    if CONFIG not in wanted:
        raise hub.not_a_model(info.files)
    answers = {file: deadline_of.start(hub.file, file, info.commit, end) for file in wanted}
    content = {file: _in_time(end, hub, answer) for file, answer in answers.items()}
    return HubModel(
        name=name,
        commit=info.commit,
        gated=info.gated,
        config=content[CONFIG],
        weights_bytes=info.counted_bytes() or info.stored_bytes(content.get(INDEX)),
        parameters=info.parameters,
        chat_template=info.has_template_file() or bool(content.get(TOKENIZER, {}).get("chat_template")),
        has_pooling=info.has_pooling(),
        max_seq_length=natural(content.get(SENTENCES, {}).get("max_seq_length")) or 0,
    )


def chat_template(
    name: str, token: str | None = None, *, environ: Mapping[str, str] = os.environ, deadline: float = 5.0
) -> str:
    """Return the chat template of a model's tokenizer, "" when it has none. Raises as `lookup` does."""
    hub = _client(name, "main", token, environ)
    end = time.monotonic() + deadline
    info = _in_time(end, hub, deadline_of.start(hub.info, end))
    for file in (*CHAT_TEMPLATES, TOKENIZER):
        if file in info.files:
            found = _in_time(end, hub, deadline_of.start(hub.template, file, info.commit, end))
            if found:
                return found
    return ""


def _client(name: str, revision: str | None, token: str | None, environ: Mapping[str, str]) -> HubClient:
    known = (token or environ.get("HF_TOKEN", "")).strip()
    return HubClient(name, revision or "main", known, _endpoint(environ, has_token=bool(known)))


def _endpoint(environ: Mapping[str, str], has_token: bool) -> str:
    """Return the address of the Hub or its mirror. Raises HubError for one that cannot be used."""
    endpoint = (environ.get("HF_ENDPOINT") or ENDPOINT).strip().rstrip("/")
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise HubError("unreachable", f"HF_ENDPOINT is not the address of a server. Example: {ENDPOINT}")
    if has_token and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise HubError(
            "unreachable",
            f"HF_ENDPOINT: http://{parts.hostname} would send the token unencrypted. Use its https:// "
            "address, or unset HF_TOKEN",
        )
    return endpoint


def _in_time(end: float, hub: HubClient, future: Future[R]) -> R:
    """Wait until `end`: the client's time-outs bound neither name resolution nor a header that drips."""
    try:
        return deadline_of.result(future, end)
    except TimeoutError:
        raise hub.timed_out() from None
