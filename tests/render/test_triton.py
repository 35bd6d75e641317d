"""Triton's projects: complete, small, and with nothing of the backends not chosen."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import ownership
from tests.conftest import TRITON_LANGUAGE_MODELS, TRITON_MODELS, Render
from tests.render.checks import TRITON_VARIANTS, check_scripts, check_text, copy_sources, files_of

WORDS = {
    "xgboost",
    "lightgbm",
    "treelite",
    "sklearn",
    "scikit",
    "onnx",
    "tensorflow",
    "torch",
    "vllm",
    "tensorrt",
}
WORDS |= {"flask", "fastapi", "abalone"}
MAY_SAY = {
    "triton-fil": {"xgboost", "lightgbm", "treelite", "sklearn", "scikit", "abalone"},
    "triton-onnxruntime": {"onnx", "sklearn", "scikit", "abalone"},
    "triton-tensorflow": {"tensorflow", "abalone"},
    "triton-pytorch": {"torch", "abalone"},
    "triton-python": {"sklearn", "scikit", "abalone"},
    "triton-vllm": {"vllm"},
    "triton-tensorrtllm": {"tensorrt"},
}


def check(project: Path, config: str) -> dict[str, Any]:
    """Check what all of Triton's projects have in common; return the stored answers."""
    of_library = ownership.files(project)
    for path in files_of(project):
        if path.suffix == ".gz":
            continue
        check_text(path)
        for word in () if of_library[path.relative_to(project).as_posix()] else WORDS - MAY_SAY[config]:
            assert not re.search(rf"\b{word}", path.read_text(), re.IGNORECASE), f"{path} speaks of {word}"
    for source in copy_sources((project / "Dockerfile").read_text()):
        assert (project / source).exists(), f"the Dockerfile copies {source}, which is not there"
    check_scripts(project)
    assert ownership.unmarked(project) == []
    ownership.assert_small(project)
    stored: dict[str, Any] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert stored["instance_type"] in (project / "README.md").read_text()
    assert not {"given", "need", "served", "llm", "triton", "triton_settings", "framework"} & set(stored)
    return stored


@pytest.mark.parametrize("variant", TRITON_VARIANTS)
@pytest.mark.parametrize(("config", "model_format"), TRITON_MODELS)
def test_a_project_is_complete_and_holds_nothing_else(
    render: Render, config: str, model_format: str, variant: str
) -> None:
    project = render(deployment_config=config, model_format=model_format, **TRITON_VARIANTS[variant])
    stored = check(project, config)
    names = {path.relative_to(project).as_posix() for path in files_of(project)}
    assert ("sample_model/train.py" in names) == (variant != "bare")
    assert ("do/contract/__main__.py" in names) == (variant != "bare")
    settings = tomllib.loads((project / "model_repository" / "settings.toml").read_text())
    assert settings["name"] == project.name
    for name in ("max_batch_size", "max_queue_delay_us"):
        assert settings[name] == stored[name]
    assert settings["instances"] == stored["model_instances"] == (1 if variant == "latency-gpu" else 2)
    on_gpu = variant == "latency-gpu" and config != "triton-python"
    assert settings["kind"] == ("KIND_GPU" if on_gpu else "KIND_CPU")
    release = "25.02" if config == "triton-tensorflow" else "26.07"
    assert stored["base_image"] == f"nvcr.io/nvidia/tritonserver:{release}-py3"


@pytest.mark.parametrize("config", TRITON_LANGUAGE_MODELS)
def test_a_language_model_project_is_complete_and_holds_nothing_else(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    stored = check(project, config)
    version = project / "model_repository" / "chat" / "1"
    file = version / ("model.json" if config == "triton-vllm" else "model.yaml")
    settings = yaml.safe_load(file.read_text())
    length = settings["max_model_len" if config == "triton-vllm" else "max_seq_len"]
    assert (settings["model"], length) == (stored["model_name"], stored["max_model_len"])
    assert settings["tensor_parallel_size"] == stored["engine_settings"]["tensor_parallel_size"]
    assert (project / "memory.svg").exists() and (project / "model_repository/chat/config.pbtxt").exists()
