"""Look up a language model on the Hugging Face Hub or on S3, or else in the catalog."""

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..catalog import catalog
from ..errors.errors import HubError, InvalidAnswer, S3Error, UnsizableModel
from . import facts, hub, hub_library, model_config, model_kinds, s3
from .facts import ModelFacts

METHOD = re.compile(r"[A-Za-z0-9_.-]{1,40}")
OFFLINE_S3 = "A model on S3 is not looked up offline."


@dataclass(frozen=True)
class KnownModel:
    """A model, pinned to a commit if the Hub returned one, and its shape, None if it is unknown.

    `digest` is that of its files on S3, which changes with them.

    `chat_template` is None when that is not known; `architecture` and `model_type`, of its config.json, are
    empty then. `own_code` is True when its repository has code of its own. `quantization` names the method of
    weights whose size is unknown here. `kind` is empty for a model that generates text. `note` states in a
    line what went wrong, or is empty.
    """

    name: str
    revision: str
    source: str
    commit: str = ""
    gated: bool = False
    chat_template: bool | None = None
    architecture: str = ""
    model_type: str = ""
    own_code: bool = False
    digest: str = ""
    quantization: str = ""
    kind: str = ""
    shape: ModelFacts | None = None
    note: str = ""

    def answer(self) -> dict[str, Any]:
        """Return the model as a stored answer: plain values, without empty ones."""
        silent = {name for name, value in vars(self).items() if value in (None, "")}
        silent |= set() if self.own_code else {"own_code"}
        kept = {name: value for name, value in vars(self).items() if name not in silent}
        shape = self.shape.answer() if self.shape else None
        return {**kept, "shape": shape, "revision": self.revision, "commit": self.commit}


def from_answer(answer: Mapping[str, Any]) -> KnownModel:
    """Return the model of a stored answer. Raises UnsizableModel when somebody has broken it."""
    try:
        shape = answer["shape"]
        return KnownModel(**{**answer, "shape": facts.from_answer(shape) if shape else None})
    except (KeyError, TypeError) as error:
        raise UnsizableModel(f"model_facts: the stored answer is not complete: {error}") from None


def model(
    name: str,
    revision: str = "",
    token: str | None = None,
    offline: bool | None = None,
    environ: Mapping[str, str] = os.environ,
) -> KnownModel:
    """Return the facts of a model at a revision.

    Asks the Hub, or S3 for an s3:// address, unless `offline`, or the environment when that is None, forbids
    it. Raises InvalidAnswer for a name that no model has, for files on S3 that no inference server can load,
    and for a revision that is not the digest of those files. What fails otherwise ends in a note, and in the
    catalog's facts.
    """
    asks = not (hub.offline(environ) if offline is None else offline)
    if name.startswith("s3://"):
        return (
            _on_s3(name, revision) if asks else KnownModel(name, revision, "not looked up", note=OFFLINE_S3)
        )
    try:
        hub_library.check_name(name)
        if asks:
            return _of_hub(hub.lookup(name, revision or None, token, environ=environ), revision)
    except HubError as error:
        note = str(error) if asks else ""
        return dataclasses.replace(_of_catalog(name, revision, note), gated=error.kind == "gated")
    return _of_catalog(name, revision, "")


def _on_s3(name: str, revision: str) -> KnownModel:
    try:
        found = s3.lookup(name)
    except S3Error as error:
        return KnownModel(name, revision, "not looked up", note=str(error))
    if revision and revision != found.digest:
        raise InvalidAnswer(
            f"model_revision: the files at {name} have the digest {found.digest}, not {revision[:60]}. "
            "Restore the files, or leave model_revision empty"
        )
    shape, note = _shape(name, found)
    return KnownModel(
        *(name, revision, f"S3, files {found.digest[:7]}"),
        chat_template=found.chat_template,
        **_classes(found.config),
        digest=found.digest,
        kind=model_kinds.of_config(found.config, found.has_pooling),
        shape=shape,
        note=" ".join(filter(None, (note, _region_note(found)))),
    )


def _region_note(found: s3.S3Model) -> str:
    """Return the note on a bucket in another region than that of the user's session, or ''."""
    if not found.region or not found.session_region or found.region == found.session_region:
        return ""
    return (
        f"The bucket of {found.name} is in {found.region}, your session in {found.session_region}. "
        f"SageMaker reads models from its own region: set region={found.region}, or copy the model."
    )


def _shape(name: str, found: hub.HubModel | s3.S3Model) -> tuple[ModelFacts | None, str]:
    """Return the shape in a config.json, None if it cannot be sized, and a note about it."""
    try:
        shape = model_config.from_config(found.config, found.weights_bytes or 0)
    except UnsizableModel as error:
        return None, f"config.json of {name}: {error}."
    longest = min(shape.max_position_embeddings, found.max_seq_length or shape.max_position_embeddings)
    shape = dataclasses.replace(shape, max_position_embeddings=longest)
    if not shape.unknown_layers:
        return shape, ""
    counted = f"{shape.unknown_layers} of {shape.num_hidden_layers} layers are of an unknown type."
    return shape, f"config.json of {name}: {counted} They count as full attention."


def _of_hub(found: hub.HubModel, revision: str) -> KnownModel:
    shape, note = _shape(found.name, found)
    source = f"Hugging Face Hub, commit {found.commit[:7]}"
    return KnownModel(
        *(found.name, revision, source, found.commit, found.gated, found.chat_template),
        **_classes(found.config),
        quantization="" if shape else _quantization(found.config),
        kind=_kind(found.name, found.config, found.has_pooling),
        shape=shape,
        note=note,
    )


def _of_catalog(name: str, revision: str, note: str) -> KnownModel:
    entry = catalog.models().get(name)
    if entry is None:
        unknown = f"{name} is not in the catalog of {catalog.models_date()}."
        return KnownModel(name, revision, "unknown", note=f"{note} {unknown}".strip())
    source = f"catalog of {catalog.models_date()}"
    shape = model_config.from_catalog(entry)
    kind = _kind(name, entry, False)
    return KnownModel(name, revision, source, **_classes(entry), kind=kind, shape=shape, note=note)


def _kind(name: str, config: Mapping[str, Any], has_pooling: bool) -> str:
    """Return the kind of a model, which its files alone do not show for some models of the catalog."""
    known = catalog.models().get(name, {}).get("kind", "")
    return str(known) or model_kinds.of_config(config, has_pooling)


def _classes(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the classes that a config.json names, as far as it does."""
    listed, model_type = config.get("architectures"), config.get("model_type")
    named = listed[0] if isinstance(listed, list) and listed else ""
    return {
        "architecture": named if isinstance(named, str) else "",
        "model_type": model_type if isinstance(model_type, str) else "",
        "own_code": bool(config.get("auto_map")),
    }


def _quantization(config: Mapping[str, Any]) -> str:
    """Return the method of a config.json that cannot be sized, '' if it names none."""
    given = config.get("quantization_config")
    found = given.get("quant_method") if isinstance(given, Mapping) else None
    return found.lower() if isinstance(found, str) and METHOD.fullmatch(found) else ""
