"""Every rendered file is as clean as a hand-written one."""

import ast
import hashlib
import shutil
import subprocess
import tomllib
from pathlib import Path

import copier
import pytest
import yaml

from tests.conftest import TRIED, TRITON_LANGUAGE_MODELS, TRITON_MODELS, Render
from tests.render.checks import TARGETS, TRITON_VARIANTS, VARIANTS, answers_of, files_of
from tests.render.clusters import VARIANTS as HYPERPOD_VARIANTS
from tests.render.language_models import LANGUAGE_MODELS, language_model

OWN_MODULES = [  # of projects, imported by their names
    *("lifecycle", "contract", "runtime", "app", "model_handler", "backend", "signature"),
    *("abalone", "onnx_file"),
]
# One process renders for all of these.
LINT = pytest.mark.xdist_group("lint")


@pytest.fixture(scope="module")
def distinct_files(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Render all combinations and return their distinct files by kind, each once."""
    seen: set[str] = set()
    kinds: dict[str, list[Path]] = {"python": [], "Dockerfile": [], "yaml": [], "nginx.conf": [], "toml": []}
    every = [{**answers_of(*combination), **extra} for combination in TRIED for extra in VARIANTS.values()]
    for config, model_format in TRITON_MODELS:
        triton: dict[str, object] = {"deployment_config": config, "model_format": model_format}
        every += [{**triton, **extra} for extra in TRITON_VARIANTS.values()]
    every += [{"deployment_config": config, "offline": True} for config in TRITON_LANGUAGE_MODELS]
    for data in [
        *every,
        *map(language_model, LANGUAGE_MODELS),
        *HYPERPOD_VARIANTS.values(),
        *TARGETS.values(),
    ]:
        project = tmp_path_factory.mktemp("lint") / "abalone-age"
        copier.run_copy(
            str(template),
            project,
            data={**data, "project_id": "c0ffee42"},
            defaults=True,
            unsafe=True,
            quiet=True,
            skip_tasks=True,
        )
        for path in files_of(project):
            digest = hashlib.sha256(path.read_bytes() + path.name.encode()).hexdigest()
            if digest in seen:
                continue
            seen.add(digest)
            if kind := kind_of(path):
                kinds[kind].append(path)
    return kinds


def kind_of(path: Path) -> str | None:
    if path.suffix == ".py" or (not path.suffix and path.read_bytes().startswith(b"#!/usr/bin/env python3")):
        return "python"
    if path.suffix in (".yml", ".yaml"):
        return "yaml"
    if path.suffix == ".toml":
        return "toml"
    return {"Dockerfile": "Dockerfile", "nginx.conf": "nginx.conf"}.get(path.name)


def run(*command: str) -> None:
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@LINT
def test_python_compiles_and_is_clean(distinct_files: dict[str, list[Path]], tmp_path: Path) -> None:
    for number, path in enumerate(distinct_files["python"]):
        ast.parse(path.read_text())
        # A program without a suffix is no module to import, so it is checked as a private one.
        target = tmp_path / f"{number}" / (path.name if path.suffix else f"_{path.name}.py")
        target.parent.mkdir(parents=True)
        shutil.copy(path, target)
    rules = ["--isolated", "--line-length", "110", "--select", "E,F,I,UP,B,SIM,D100,D101,D103,RUF"]
    own = f"lint.isort.known-third-party={OWN_MODULES}"
    run("ruff", "check", *rules, "--target-version", "py311", "--config", own, str(tmp_path))
    run("ruff", "format", "--isolated", "--line-length", "110", "--check", str(tmp_path))


@LINT
def test_dockerfiles_are_clean(distinct_files: dict[str, list[Path]]) -> None:
    run("hadolint", *map(str, distinct_files["Dockerfile"]))


@LINT
def test_toml_can_be_read(distinct_files: dict[str, list[Path]]) -> None:
    for path in distinct_files["toml"]:
        assert tomllib.loads(path.read_text())


def test_builds_in_codebuild_are_clean(render: Render, tmp_path: Path) -> None:
    phases = yaml.safe_load((render(build_target="codebuild") / "do" / "buildspec.yml").read_text())["phases"]
    script = "\n".join(command for phase in phases.values() for command in phase["commands"])
    (tmp_path / "build.sh").write_text(f"#!/bin/sh\n{script}\n")
    run("shellcheck", str(tmp_path / "build.sh"))


@LINT
def test_yaml_is_clean(distinct_files: dict[str, list[Path]]) -> None:
    rules = "{extends: default, rules: {line-length: {max: 120}, document-start: disable}}"
    run("yamllint", "--strict", "-d", rules, *map(str, distinct_files["yaml"]))


@LINT
def test_nginx_configurations_are_clean(distinct_files: dict[str, list[Path]]) -> None:
    run("gixy", *map(str, distinct_files["nginx.conf"]))


def test_shell_scripts_of_this_repository_are_clean() -> None:
    repository = Path(__file__).resolve().parents[2]
    scripts = [repository / ".ci" / "run", repository / "tests" / "install_nginx"]
    scripts += [*(repository / "tests" / "fakes").glob("*")]
    shell = [
        str(p)
        for p in scripts
        if p.is_file() and p.read_bytes().startswith((b"#!/usr/bin/env bash", b"#!/bin/sh"))
    ]
    assert shell
    run("shellcheck", *shell)
