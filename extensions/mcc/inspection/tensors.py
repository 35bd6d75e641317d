"""The facts in protobuf files: the inputs and outputs of ONNX models and of SavedModels."""

from collections.abc import Iterator
from pathlib import Path

from ..artifacts import onnx_files
from ..artifacts.artifact_facts import SAVED_MODEL, Artifact, NotUnderstood
from ..artifacts.onnx_files import Mapped, fields, mapped, text
from .findings import ONNX, Findings, Tensor

SHOWN = 1_000
DIMENSIONS = 16
# The numbers of element types, by format.
ONNX_TYPES = dict(
    enumerate(
        (
            "float32",
            "uint8",
            "int8",
            "uint16",
            "int16",
            "int32",
            "int64",
            "string",
            "bool",
            "float16",
            "float64",
        ),
        1,
    )
)
TF_TYPES = dict(
    enumerate(
        ("float32", "float64", "int32", "uint8", "int16", "int8", "string", "complex64", "int64", "bool"), 1
    )
)
Part = tuple[int, int]  # where a message starts and ends


def onnx(path: Path) -> Findings:
    """Return the facts in an ONNX file. Raise NotUnderstood if it is none."""
    try:
        found = onnx_files.read(path)
        with path.open("rb") as file, mapped(file) as data:
            producer = _first_text(data, (0, len(data)), 2)
            version = _first_text(data, (0, len(data)), 3)
            graph = next(_parts(data, (0, len(data)), 7), None)
            if graph is None or not found.ir:
                raise NotUnderstood
            initial = {_first_text(data, part, 8) for part in _parts(data, graph, 5)}
            inputs = [tensor for tensor in _values(data, graph, 11) if tensor.name not in initial]
            outputs = list(_values(data, graph, 12))
    except (ValueError, IndexError):
        raise NotUnderstood from None
    written = {f"{producer} (exporter)": version} if producer else {}
    external = tuple(sorted({each.location for each in found.external}))[:SHOWN]
    return Findings(
        Artifact(ONNX, "onnx", str(found.opset)),
        libraries=written,
        inputs=tuple(inputs[:SHOWN]),
        outputs=tuple(outputs[:SHOWN]),
        files=external,
    )


def saved_model(path: Path) -> Findings:
    """Return the facts in a `saved_model.pb`. Raise NotUnderstood if it is none."""
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    version = ""
    try:
        with path.open("rb") as file, mapped(file) as data:
            for graph in _parts(data, (0, len(data)), 2):
                for meta in _parts(data, graph, 1):
                    version = version or _first_text(data, meta, 5)
                for entry in _parts(data, graph, 5):
                    name = _first_text(data, entry, 1)
                    body = next(_parts(data, entry, 2), None)
                    if body and not name.startswith("__") and (name == "serving_default" or not inputs):
                        inputs = [_tensor_info(data, part) for part in _parts(data, body, 1)]
                        outputs = [_tensor_info(data, part) for part in _parts(data, body, 2)]
    except (ValueError, IndexError):
        raise NotUnderstood from None
    return Findings(
        Artifact(SAVED_MODEL),
        libraries={"tensorflow": version} if version else {},
        inputs=tuple(inputs[:SHOWN]),
        outputs=tuple(outputs[:SHOWN]),
    )


def _parts(data: Mapped, part: Part, wanted: int) -> Iterator[Part]:
    for number, value, start, end in fields(data, *part):
        if number == wanted and value is None:
            yield start, end


def _first_text(data: Mapped, part: Part, wanted: int) -> str:
    for start, end in _parts(data, part, wanted):
        return text(data[start : min(end, start + 200)])
    return ""


def _number(data: Mapped, part: Part, wanted: int) -> int:
    return next((value for key, value, _, _ in fields(data, *part) if key == wanted and value), 0)


def _dimension(data: Mapped, part: Part) -> int:
    size = _number(data, part, 1)
    return size if size < 2**31 else 0  # -1 is any


def _values(data: Mapped, graph: Part, wanted: int) -> Iterator[Tensor]:
    """Yield the inputs or outputs of a graph of ONNX."""
    for part in _parts(data, graph, wanted):
        name, kind, shape = _first_text(data, part, 1), "", []
        for outer in _parts(data, part, 2):
            for tensor in _parts(data, outer, 1):
                kind = ONNX_TYPES.get(_number(data, tensor, 1), "")
                for dimensions in _parts(data, tensor, 2):
                    shape = [_dimension(data, each) for each in _parts(data, dimensions, 1)]
        yield Tensor(name, kind, tuple(shape[:DIMENSIONS]))


def _tensor_info(data: Mapped, entry: Part) -> Tensor:
    """Return an input or output of a signature of a SavedModel."""
    name, kind, shape = _first_text(data, entry, 1), "", []
    for part in _parts(data, entry, 2):
        kind = TF_TYPES.get(_number(data, part, 2), "")
        for dimensions in _parts(data, part, 3):
            shape = [_dimension(data, each) for each in _parts(data, dimensions, 2)]
    return Tensor(name, kind, tuple(shape[:DIMENSIONS]))
