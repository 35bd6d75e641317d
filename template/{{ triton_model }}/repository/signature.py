"""What a model takes and gives, as config.pbtxt describes it."""

from typing import NamedTuple


class Tensor(NamedTuple):
    """An input or output: its type in Triton's words (FP32, INT64, STRING), its shape with -1 for any."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class Signature(NamedTuple):
    """All of a model's inputs and outputs, and parameters of the backend that follow from the model."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    parameters: dict[str, str]
