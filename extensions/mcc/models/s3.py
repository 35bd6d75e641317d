"""Looks a language model up on S3: its configuration, the size of its weights and a digest of its files.

One listing and up to five small objects, under one deadline, with nothing written to disk.
"""

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..errors.errors import InvalidAnswer, S3Error
from . import deadline as deadline_of
from . import model_kinds
from .hub_listing import CHAT_TEMPLATES, CONFIG, INDEX, MODULES, SENTENCES, TOKENIZER, Listing, natural
from .s3_client import ARCHIVED, ARCHIVED_TEXT, Object, S3Client

ADAPTER = "adapter_config.json"
OTHER_WEIGHTS = (".bin", ".pt", ".pth")  # of PyTorch, where there are no safetensors files
DIGITS = 40  # of the digest, as many as of a commit
BY_HAND = "Set model_parameters and model_dtype, or upload the files of the model as they are on the Hub."


@dataclass(frozen=True)
class S3Model:
    """The facts about a model on S3: `digest` changes with any of its files.

    `config` is config.json as it is. `weights_bytes` is the size of the weights' files, None when there are
    none. `has_pooling` is True for a pooling module of Sentence Transformers, which read `max_seq_length`
    tokens at most, 0 when unknown. `region` is the bucket's, `session_region` that of the user's session, ''
    where unknown.
    """

    name: str
    digest: str
    region: str
    session_region: str
    config: dict[str, Any]
    weights_bytes: int | None
    chat_template: bool
    has_pooling: bool = False
    max_seq_length: int = 0


def lookup(name: str, *, deadline: float = 5.0) -> S3Model:
    """Return the facts about the model at an s3:// address.

    All requests together take at most `deadline` seconds. Raises InvalidAnswer for files that no inference
    server can load (an adapter, archived objects), and S3Error for everything else that goes wrong.
    """
    bucket, _, prefix = name.removeprefix("s3://").partition("/")
    if prefix.endswith((".tar.gz", ".tgz")):
        raise S3Error(f"model_name: {name} is an archive, which is not opened. {BY_HAND}")
    end = time.monotonic() + deadline
    folder = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    try:
        return deadline_of.result(deadline_of.start(_looked_up, name, bucket, folder, end), end)
    except TimeoutError:
        raise S3Error(f"model_name: {name}: no complete answer from S3 in time. {BY_HAND}") from None


def _looked_up(name: str, bucket: str, folder: str, end: float) -> S3Model:
    client = S3Client(name, bucket, end)
    objects = {found.key.removeprefix(folder): found for found in client.listed(folder)}
    _check(name, client, folder, objects)
    wanted = [
        CONFIG,
        INDEX,
        SENTENCES,
        *([] if any(file in objects for file in CHAT_TEMPLATES) else [TOKENIZER]),
    ]
    content = {file: _json(name, client, folder + file) for file in wanted if file in objects}
    return S3Model(
        name=name,
        digest=digest(objects.values()),
        region=client.region,
        session_region=client.session_region,
        config=content[CONFIG],
        weights_bytes=_weights_bytes(objects, content.get(INDEX)),
        chat_template=TOKENIZER not in wanted or bool(content.get(TOKENIZER, {}).get("chat_template")),
        has_pooling=MODULES in objects
        and model_kinds.has_pooling_module(_content(name, client, folder + MODULES)),
        max_seq_length=natural(content.get(SENTENCES, {}).get("max_seq_length")) or 0,
    )


def digest(objects: Iterable[Object]) -> str:
    """Return a digest of the names and ETags of objects, in as many hexadecimal digits as a commit has."""
    lines = sorted(f"{found.key.rpartition('/')[2]} {found.etag}" for found in objects)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:DIGITS]


def _check(name: str, client: S3Client, folder: str, objects: dict[str, Object]) -> None:
    """Refuse a prefix without a model that an inference server can load."""
    if not objects:
        raise S3Error(
            f"model_name: no files at {name}. Check the address, or upload config.json and the weights."
        )
    if CONFIG not in objects and ADAPTER in objects:
        base = str(_json(name, client, folder + ADAPTER).get("base_model_name_or_path") or "its base model")
        raise InvalidAnswer(
            f"model_name: {name} is an adapter of {base[:100]}, not a model. Merge it into its base model, "
            f"and upload the result. Example: {base[:100] if '/' in base else 'Qwen/Qwen3-8B'}"
        )
    archived = [found.key for found in objects.values() if found.storage_class in ARCHIVED]
    if archived:
        raise InvalidAnswer(f"model_name: {archived[0]} in {name} is {ARCHIVED_TEXT}")
    if CONFIG not in objects:
        raise S3Error(f"model_name: {name} has no {CONFIG}. {BY_HAND}")


def _json(name: str, client: S3Client, key: str) -> dict[str, Any]:
    found = _content(name, client, key)
    if not isinstance(found, dict):
        file = key.rpartition("/")[2]
        raise S3Error(f"model_name: {file} of {name} is not a JSON object. Upload it again.")
    return found


def _content(name: str, client: S3Client, key: str) -> Any:
    try:
        return json.loads(client.content(key))
    except (ValueError, RecursionError):
        file = key.rpartition("/")[2]
        raise S3Error(f"model_name: {file} of {name} is not JSON. Upload it again.") from None


def _weights_bytes(objects: dict[str, Object], index: dict[str, Any] | None) -> int | None:
    """Return the bytes of the weights: of the files in the index, of safetensors files, or of others."""
    sizes: dict[str, int | None] = {file: found.size for file, found in objects.items()}
    stored = Listing("", False, sizes, {}).stored_bytes(index)
    if stored is None:
        safetensors = [found.size for file, found in objects.items() if file.endswith(".safetensors")]
        stored = sum(safetensors) or None
    return (
        stored or sum(found.size for file, found in objects.items() if file.endswith(OTHER_WEIGHTS)) or None
    )
