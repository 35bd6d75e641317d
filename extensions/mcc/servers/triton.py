"""The rules of Triton's backends: which image has one, which file it can load, and its defaults."""

import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..artifacts import forest_files, onnx_files
from ..catalog import catalog
from ..catalog.entries.triton import TritonBackend, TritonImage, TritonReads
from ..errors import redaction

CONFIGS = (  # in order of offer; catalog/triton.yml has the facts
    "triton-fil",
    "triton-onnxruntime",
    "triton-tensorflow",
    "triton-pytorch",
    "triton-python",
    "triton-vllm",
    "triton-tensorrtllm",
)
LANGUAGE_MODEL_CONFIGS = ("triton-vllm", "triton-tensorrtllm")
MODEL_CONFIGS = tuple(name for name in CONFIGS if name not in LANGUAGE_MODEL_CONFIGS)
OFFERED = 8  # images in a list
QUEUE_DELAY_US = {"throughput": 500, "latency": 0}
TENSOR = r"(BOOL|U?INT(8|16|32|64)|FP(16|32|64)|BF16)\[(-1|[1-9][0-9]{0,8})(,(-1|[1-9][0-9]{0,8}))*\]"
TAG = re.compile(r":(?P<release>[0-9]{2}\.[0-9]{2})-(?P<variant>[a-z0-9-]+)(@sha256:[0-9a-f]+)?$")


def image_problem(deployment_config: str, model_format: str, image: str) -> str:
    """Return why an image cannot serve a backend and format, or ''.

    Judged by a tag like NVIDIA's; other tags are not checked.
    """
    backend, tag = catalog.triton()[deployment_config], TAG.search(image)
    if tag is None:
        return ""
    release, variant = tag["release"], tag["variant"]
    format_facts = backend.formats.get(model_format)
    if variant != backend.variant:
        reason = f"tag {release}-{variant} has no {_name(deployment_config)} backend, …-{backend.variant} has"
    elif backend.until and release > backend.until:
        reason = f"release {release} has no {_name(deployment_config)} backend, {backend.until} is its last"
    elif format_facts and format_facts.since > release:
        since = format_facts.since
        reason = f"release {release} does not load model_format {model_format}, {since} is the first"
    else:
        return ""
    return f"base_image: {reason}. Example: {backend.image_for(model_format).image}"


def image_choices(deployment_config: str) -> dict[str, str]:
    """Return label -> image of the releases a backend is offered in, the default first."""
    ranked = sorted(catalog.triton()[deployment_config].images, key=lambda image: not image.default)
    return {_label(image): image.image for image in ranked[:OFFERED]}


def artefact_problem(path: Path, deployment_config: str, model_format: str, image: str) -> str:
    """Return why a file is surely no model that a backend of an image serves, or ''. It is not loaded.

    An empty `image` is the default one.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if model_format == "pt":
        return _torchscript_problem(path)
    marks = {"json": rb"\s*\{", "ubj": rb"\{", "txt": rb"tree\s", "onnx": rb"\x08[\x01-\x7f]"}
    if model_format in marks and not re.match(marks[model_format], start):
        return f"it does not start like a file of model_format {model_format}"
    known = reads(deployment_config, image or catalog.default_image(deployment_config, model_format))
    if deployment_config == "triton-onnxruntime":
        runtime = onnx_files.Runtime(known.name, known.opset, known.ir) if known else None
        return onnx_files.problem(path, runtime)
    if deployment_config == "triton-fil":
        treelite = forest_files.Runtime(known.name, known.xgboost, known.dart) if known else None
        return forest_files.problem(path, model_format, treelite)
    return ""


def reads(deployment_config: str, image: str) -> TritonReads | None:
    """Return the versions that a backend reads, or None for a tag of another vendor or an old release."""
    tag = TAG.search(image)
    known = catalog.triton()[deployment_config].reads
    suitable = [facts for since, facts in sorted(known.items()) if tag and since <= tag["release"]]
    if not suitable or tag is None:
        return None
    return replace(suitable[-1], name=f"the {suitable[-1].name} of Triton {tag['release']}")


def inputs_problem(value: str, needed: bool = False) -> str:
    """Return the problem with the declared inputs of a model, or ''."""
    example = "Example: FP32[8], or FP32[3,224,224] INT64[-1] for two; without the dimension of the batch"
    if not value:
        reason = "model_inputs: a TorchScript file does not store the shapes of its inputs. Example: FP32[8]"
        return f"{reason} {example}" if needed else ""
    if re.fullmatch(rf"{TENSOR}( {TENSOR})*", value):
        return ""
    return f"model_inputs: {redaction.shown(value)} is not a type and dimensions for each input. {example}"


def default_instances(deployment_config: str, profile: str, instance_type: str) -> int:
    """Return how many instances of a model share the machine: one a GPU, else as the profile has it."""
    machine = catalog.instances().get(instance_type)
    if machine is None or profile == "latency" or uses_gpu(deployment_config, instance_type):
        return 1
    return machine.vcpu


def uses_gpu(deployment_config: str, instance_type: str) -> bool:
    """Return whether a backend computes on the GPUs of an instance type."""
    machine = catalog.instances().get(instance_type)
    return machine is not None and machine.kind == "gpu" and catalog.triton()[deployment_config].gpu


def class_parameter(backend: TritonBackend, image: str) -> str:
    """Return the parameter by which the release in an image is asked for classes, '' when there is none."""
    tag = TAG.search(image)
    release = tag["release"] if tag else backend.default_image.release
    known = [name for since, name in backend.class_parameter.items() if since <= release]
    return known[-1] if known else ""


def checked_file(deployment_config: str, model_format: str) -> str:
    """Return the file that a version of a model must have for its backend."""
    backend = catalog.triton()[deployment_config]
    return backend.entry or backend.formats[model_format].file


def settings(
    deployment_config: str, model_format: str, image: str, profile: str, instance_type: str
) -> dict[str, Any]:
    """Return the backend settings for the builder of a model repository."""
    backend = catalog.triton()[deployment_config]
    on_gpu, known = uses_gpu(deployment_config, instance_type), reads(deployment_config, image)
    limited = {backend.thread_parameter: "1"} if backend.thread_parameter else {}
    return {
        "directive": dict(backend.directive),
        "file": backend.formats[model_format].file,
        "parameters": {
            **backend.formats[model_format].parameters,
            **(limited if profile == "throughput" and not on_gpu else {}),
        },
        "class_parameter": class_parameter(backend, image),
        "reads": known and asdict(known),
        "program": backend.formats[model_format].program,
        "instance_kind": "KIND_GPU" if on_gpu else "KIND_CPU",
    }


def requirements(deployment_config: str, model_format: str) -> tuple[str, ...]:
    """Return the pins of the environment that reads a format."""
    backend = catalog.triton()[deployment_config]
    return backend.environments[backend.formats[model_format].environment].requirements


def problems(given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Return a line for each answer given that does not go with the backend."""
    config = str(known["deployment_config"])
    found = []
    if config == "triton-pytorch" and {"model_path", "model_inputs"} & set(given):
        found.append(inputs_problem(str(known.get("model_inputs", "")), bool(known.get("model_path"))))
    return [problem for problem in found if problem]


def _torchscript_problem(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return "it is not a TorchScript archive; save it with torch.jit.save"
    if not any("/code/" in name for name in names):
        return "it holds weights without code; save the model with torch.jit.script(model).save(path)"
    return ""


def _label(image: TritonImage) -> str:
    unchecked = "" if image.verified else ", tag not checked"
    return f"{image.image}: CUDA {image.cuda}{unchecked}"


def _name(deployment_config: str) -> str:
    return deployment_config.removeprefix("triton-")
