"""The facts that the inspection of a model returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..artifacts.artifact_facts import (
    HDF5,
    KERAS,
    PICKLE,
    SAVED_MODEL,
    UNKNOWN,
    XGBOOST_BINARY,
    XGBOOST_JSON,
    XGBOOST_UBJ,
    Artifact,
)

LIGHTGBM_TEXT, CATBOOST, ONNX, SKOPS = "LightGBM text", "CatBoost", "ONNX", "skops"
HANDLERS = ("input_handler", "output_handler")  # of a script for TensorFlow Serving
TORCHSCRIPT, TORCH_SAVE, TORCH_EXPORT = "TorchScript", "torch.save", "torch.export"
WRAPPERS = ("lightgbm", "catboost")
TREELITE = "Treelite checkpoint"
KINDS = (
    *(PICKLE, XGBOOST_JSON, XGBOOST_UBJ, XGBOOST_BINARY, KERAS, HDF5, SAVED_MODEL),
    *(LIGHTGBM_TEXT, CATBOOST, ONNX, SKOPS, TORCHSCRIPT, TORCH_SAVE, TORCH_EXPORT, TREELITE),
)


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model; `values` are those of a category, a dimension of 0 is any length."""

    name: str
    type: str = ""
    shape: tuple[int, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """Facts about a model; empty where its files state none.

    `model` is its path within the folder or archive that was inspected, '' for that itself. `custom` are
    classes and functions that no known library has, `packages` libraries in addition to the one that serves
    it. `handler` are the functions of a `code/inference.py`, `sample` is a file with example rows.
    `problem` is the reason that the model cannot be served, `fix` the next step.
    """

    artifact: Artifact = field(default_factory=Artifact)
    model: str = ""
    container: str = ""  # MLflow, or a tar archive
    is_joblib: bool = False
    python: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Tensor, ...] = ()
    input_count: int = 0
    outputs: tuple[Tensor, ...] = ()
    classes: tuple[str, ...] = ()
    objective: str = ""
    custom: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    handler: tuple[str, ...] = ()
    sample: str = ""
    files: tuple[str, ...] = ()
    problem: str = ""
    fix: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def library(self) -> str:
        """The library of the model itself; wrappers in the style of scikit-learn state its version."""
        top = self.artifact.root.partition(".")[0]
        return top if top in WRAPPERS else self.artifact.library

    @property
    def kind_name(self) -> str:
        """The name of the model's kind in catalog/model_kinds.yml."""
        kind = "joblib dump" if self.is_joblib else self.artifact.kind
        return f"{self.library} {kind}" if self.artifact.kind == PICKLE and self.library else kind

    @property
    def is_script(self) -> bool:
        """Return whether a code/inference.py comes with the model that answers requests by its functions."""
        return "model_fn" in self.handler or set(HANDLERS) <= set(self.handler)

    @property
    def is_understood(self) -> bool:
        """Return whether the kind of the model is known."""
        return self.artifact.kind != UNKNOWN


def unservable(kind: str, problem: str, fix: str, library: str = "") -> Findings:
    """Return the findings of a file whose kind is known and that no server serves."""
    return Findings(Artifact(kind, library), problem=problem, fix=fix)
