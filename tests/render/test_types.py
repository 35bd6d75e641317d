"""Rendered Python is typed: mypy --strict, one project for each module that is chosen by name.

The commands are checked for Python 3.11, the oldest supported. The servers' libraries are not installed here
and so have no types: what comes from them is Any, and may be returned.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Render

OFFLINE: dict[str, Any] = {"offline": True}
CLUSTER = {"deployment_target": "hyperpod-eks", "hyperpod_cluster": "research"}
PROJECTS: dict[str, dict[str, Any]] = {
    "http-flask": {"framework": "sklearn"},
    "http-flask, serverless": {"framework": "sklearn", "deployment_target": "serverless-inference"},
    "http-fastapi, batch transform": {"framework": "sklearn", "deployment_target": "batch-transform"},
    "http-fastapi": {"framework": "tensorflow", **CLUSTER},
    "http-flask, handler of LightGBM": {"framework": "lightgbm", "model_format": "pkl"},
    "http-fastapi, handler of ONNX Runtime": {"framework": "onnxruntime"},
    "http-fastapi, handler of CatBoost": {"framework": "catboost"},
    "http-fastapi, CodeBuild": {"framework": "xgboost", "build_target": "codebuild"},
    "transformers-vllm": OFFLINE,
    "transformers-sglang": {**OFFLINE, **CLUSTER},
    "transformers-sglang, 0.5.4.post1": {**OFFLINE, "base_image": "lmsysorg/sglang:v0.5.4.post1"},
    "transformers-tensorrt-llm": OFFLINE,
    "transformers-lmi": OFFLINE,
    "transformers-djl": OFFLINE,
    "triton-vllm": OFFLINE,
    "triton-tensorrtllm": OFFLINE,
    "triton-fil": {},
    "triton-onnxruntime": {},
    "triton-pytorch": {},
    "triton-tensorflow": {},
    "triton-python": {},
}
FOLDERS = ("serving", "repository", "sample_model", "tests")
WITHOUT_LIBRARIES = ["--no-warn-return-any", "--allow-subclassing-any", "--allow-untyped-decorators"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for caches of mypy, one for each set of options: mypy drops what others have cached."""
    return tmp_path_factory.mktemp("mypy")


def problems(folder: Path, cache: Path, paths: list[str], *arguments: str, modules: str = "") -> str:
    """Return the findings of mypy --strict; `modules` are the folders whose files are separate modules."""
    rules = ["--strict", "--explicit-package-bases", "--ignore-missing-imports", "--cache-dir", str(cache)]
    command = ["mypy", *rules, *arguments, *paths]
    environment = {**os.environ, "MYPYPATH": modules}
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return answer.stdout + answer.stderr if answer.returncode else ""


@pytest.mark.xdist_group("types")
@pytest.mark.parametrize("name", PROJECTS)
def test_rendered_python_is_typed(render: Render, cache: Path, name: str) -> None:
    config = name.partition(",")[0]
    project = render("typed", deployment_config=config, **PROJECTS[name])
    packages = [name for name in ("lifecycle", "contract") if (project / "do" / name).is_dir()]
    runtime = str(project / "serving")
    if "handler of" not in name:  # the commands are those of another project
        at = cache / "commands"
        assert problems(project / "do", at, packages, "--python-version", "3.11", modules=runtime) == ""
    version = ["--python-version", "3.11" if config.startswith("http") else "3.10"]
    folders = [folder for folder in FOLDERS if (project / folder).is_dir()]
    paths = [path for folder in folders for path in (project / folder).rglob("*.py")]
    files = [str(path.relative_to(project)) for path in paths]
    assert any(file.startswith("serving/") for file in files)
    modules = ":".join(folder for folder in folders if folder != "tests")
    assert problems(project, cache / "servers", files, *WITHOUT_LIBRARIES, *version, modules=modules) == ""
