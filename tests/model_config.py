"""Triton's own schema of config.pbtxt, and the rules that a schema cannot hold."""

import importlib
from pathlib import Path
from typing import Any

from google.protobuf import text_format

model_config_pb2: Any = importlib.import_module("tritonclient.grpc.model_config_pb2")  # has no types

BACKENDS = {
    "fil": "backend",
    "onnxruntime": "backend",
    "python": "backend",
    "vllm": "backend",
    "tensorflow_savedmodel": "platform",
    "pytorch_libtorch": "platform",
}
FIL_TYPES = {
    "xgboost_json": "xgboost.json",
    "xgboost_ubj": "xgboost.ubj",
    "lightgbm": "model.txt",
    "treelite_checkpoint": "checkpoint.tl",
}
FILES = {
    "onnxruntime": "model.onnx",
    "python": "model.py",
    "vllm": "model.json",
    "tensorflow_savedmodel": "model.savedmodel",
    "pytorch_libtorch": "model.pt",
}


def parsed(path: Path) -> Any:
    """Return a config.pbtxt as Triton's ModelConfig. Raises ParseError for unknown fields."""
    return text_format.Parse(path.read_text("utf-8"), model_config_pb2.ModelConfig())


def type_name(value: int) -> str:
    """Return a number of the DataType enumeration as its name."""
    return str(model_config_pb2.DataType.Name(value))


def problems(directory: Path) -> list[str]:
    """Return the problems of a model in a repository, beyond the schema."""
    config = parsed(directory / "config.pbtxt")
    parameters = {name: value.string_value for name, value in config.parameters.items()}
    kind = config.backend or config.platform
    found = []
    if config.name != directory.name or "/" in config.name:
        found.append(f"name {config.name!r} is not the folder's")
    if kind not in BACKENDS or bool(config.backend) != (BACKENDS[kind] == "backend"):
        found.append(f"{kind!r} is no backend, or is named by the wrong field")
    found += [f"parameter {name!r} has no value" for name, value in parameters.items() if not value]
    versions = [path for path in directory.iterdir() if path.name.isdecimal() and int(path.name) > 0]
    wanted = FIL_TYPES.get(parameters.get("model_type", ""), "") if kind == "fil" else FILES.get(kind, "")
    if not wanted:
        found.append(f"model_type {parameters.get('model_type')!r} is not FIL's")
    found += [f"version {path.name} has no {wanted}" for path in versions if not (path / wanted).exists()]
    if not versions:
        found.append("there is no version")
    tensors = [*config.input, *config.output]
    if kind != "vllm" and not (config.input and config.output):
        found.append("inputs or outputs are missing")
    for tensor in tensors:
        if type_name(tensor.data_type) == "TYPE_INVALID" or not tensor.name:
            found.append(f"tensor {tensor.name!r} has no type or name")
        if not tensor.dims or any(size == 0 or size < -1 for size in tensor.dims):
            found.append(f"tensor {tensor.name!r} has dims {list(tensor.dims)}")
    if len({tensor.name for tensor in tensors}) != len(tensors):
        found.append("two tensors have one name")
    if config.HasField("dynamic_batching") and config.max_batch_size < 2:
        found.append("dynamic batching of batches of one")
    if not config.instance_group or any(group.count < 1 for group in config.instance_group):
        found.append("no instances")
    if kind == "vllm" and config.instance_group[0].kind != model_config_pb2.ModelInstanceGroup.KIND_MODEL:
        found.append("vLLM takes its GPUs itself: KIND_MODEL")
    return found
