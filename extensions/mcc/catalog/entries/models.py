"""Entries about language models: which releases can load an architecture or a model_type."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The releases of inference servers that have an architecture; architectures.yml explains each."""

    vllm: tuple[str, ...] = ()
    vllm_gap: tuple[str, ...] = ()
    vllm_transformers: str = ""
    sglang: tuple[str, ...] = ()
    tensorrt_llm: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("generate",)


@dataclasses.dataclass(frozen=True)
class ModelType:
    """The releases that support a model_type; model_types.yml explains the fields."""

    transformers: str = ""
    vllm: tuple[str, ...] = ()
    sglang: tuple[str, ...] = ()
    instead: str = ""


@dataclasses.dataclass(frozen=True)
class TransformersRelease:
    """The Transformers that the images of a server hold, from a release on; `newest` is '' if unknown."""

    since: str
    oldest: str
    newest: str
