"""Requirements for an instance type: a predictive model, or a language model and its load."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..models import lookup
from ..models.lookup import KnownModel
from ..sizing import cpu_sizer


@dataclass(frozen=True)
class PredictiveRequirements:
    """A predictive model, served by a framework or by a backend of Triton (its deployment config)."""

    framework: str
    profile: str
    model_path: str
    image: str = ""
    target: str = ""

    @property
    def served_by(self) -> str:
        """The framework, or the deployment config of a Triton backend."""
        return self.framework

    def model_bytes(self) -> int | None:
        """Return the size of the model, None when it is not known yet."""
        return cpu_sizer.model_bytes(self.model_path)


@dataclass(frozen=True)
class LanguageModelRequirements:
    """A language model, its server and its load.

    `model` is the stored answer `model_facts`. `parameters` and `dtype` are used where that has no
    architecture.
    """

    server: str
    model: Mapping[str, Any]
    parameters: str
    dtype: str
    image: str
    profile: str
    kv_cache_dtype: Literal["auto", "fp8"]
    max_model_len: int
    max_concurrency: int
    target: str = ""

    @property
    def served_by(self) -> str:
        """The deployment config of the server."""
        return self.server

    def known_model(self) -> KnownModel:
        """Return the model. Raise UnsizableModel if the stored answer is damaged."""
        return lookup.from_answer(self.model)


ServingRequirements = PredictiveRequirements | LanguageModelRequirements


def parse(answer: Mapping[str, Any]) -> ServingRequirements:
    """Return the requirements that questions/3-infrastructure.yml puts together as `need`."""
    return PredictiveRequirements(**answer) if "framework" in answer else LanguageModelRequirements(**answer)
