# Part of the library: `copier update` replaces this file.
"""Write a linear model as an ONNX file, a protobuf message: for so few fields it needs no package."""

import numpy as np

FLOAT, OPSET, IR_VERSION = 1, 17, 8  # read by every ONNX Runtime from 1.12 on


def linear(weights: np.ndarray, bias: float) -> bytes:
    """Return a model that multiplies rows of 32-bit numbers by `weights` and adds `bias`."""
    names = [field(1, name) for name in ("rows", "weights", "bias")]
    node = b"".join([*names, field(2, "rings"), field(4, "Gemm")])
    graph = [field(1, node), field(2, "linear")]
    graph += [field(5, tensor("weights", weights.reshape(-1, 1))), field(5, tensor("bias", np.array([bias])))]
    graph += [field(11, value("rows", len(weights))), field(12, value("rings", 1))]
    return field(1, IR_VERSION) + field(7, b"".join(graph)) + field(8, field(2, OPSET))


def tensor(name: str, array: np.ndarray) -> bytes:
    """Return an array of 32-bit numbers with its name."""
    dimensions = b"".join(field(1, size) for size in array.shape)
    return dimensions + field(2, FLOAT) + field(8, name) + field(9, array.astype("<f4").tobytes())


def value(name: str, columns: int) -> bytes:
    """Return the name and type of an input or output: any number of rows with some columns."""
    shape = field(1, field(2, "N")) + field(1, field(1, columns))
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, shape)))


def field(number: int, content: int | str | bytes) -> bytes:
    """Return a field of a message: a number, or a text or message with its length."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(number: int) -> bytes:
    """Return a number in groups of 7 bits, the lowest first."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)
