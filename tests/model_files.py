"""Files of models made by hand, for what the template and its projects read in them without a library."""

import json
from collections.abc import Mapping


def number(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def field(place: int, value: int | bytes) -> bytes:
    """Return a field of a protobuf message."""
    if isinstance(value, int):
        return number(place << 3) + number(value)
    return number(place << 3 | 2) + number(len(value)) + value


def tensor(external: Mapping[str, str] | None = None, *, dims: tuple[int, ...] = (4, 256)) -> bytes:
    """Return a tensor of 32-bit numbers whose values are elsewhere, or in it."""
    head = field(1, b"".join(map(number, dims))) + field(2, 1) + field(8, b"w")
    if external is None:
        return head + field(9, bytes(16))
    entries = [
        field(13, field(1, key.encode()) + field(2, value.encode())) for key, value in external.items()
    ]
    return head + b"".join(entries) + field(14, 1)


def onnx(*tensors: bytes, opset: int = 17, ir: int = 8, nodes: bytes = b"") -> bytes:
    """Return an ONNX model with these initializers; `nodes` are more fields of its graph."""
    graph = nodes + b"".join(field(5, item) for item in tensors)
    imports = field(8, field(1, b"ai.onnx.ml") + field(2, 99)) + field(8, field(2, opset))
    return field(1, ir) + field(7, graph) + imports


def xgboost_json(version: tuple[int, int, int], dart: bool = False) -> bytes:
    """Return the beginning and end of an XGBoost model in JSON."""
    booster = {"gbtree": {}, "weight_drop": [1.0]} if dart else {"model": {}}
    return json.dumps({"learner": {"gradient_booster": booster}, "version": version}).encode()


def xgboost_ubj(version: tuple[int, int, int], dart: bool = False) -> bytes:
    """Return the beginning and end of an XGBoost model in UBJSON."""
    booster = b"L" + bytes(7) + b"\x0bweight_drop[]" if dart else b""
    numbers = b"".join(b"i" + bytes([part]) for part in version)
    learner = b"L" + bytes(7) + b"\x07learner{" + booster + b"}"
    return b"{" + learner + b"L" + bytes(7) + b"\x07version[#L" + bytes(7) + b"\x03" + numbers + b"}"
