"""Every combination of answers renders, and every rendered file is as clean as a hand-written one."""

import ast
import filecmp
import hashlib
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import copier
import pytest
import yaml

from tests import ownership
from tests.conftest import COMBINATIONS, REPOSITORY, TRITON_LANGUAGE_MODELS, TRITON_MODELS, Render, git
from tests.render.test_kubernetes import VARIANTS as HYPERPOD_VARIANTS

OTHERS = {
    "sklearn": ("xgboost", "tensorflow"),
    "xgboost": ("sklearn", "scikit", "tensorflow", "joblib"),
    "tensorflow": ("sklearn", "scikit", "xgboost", "joblib"),
    "http-flask": ("fastapi", "uvicorn"),
    "http-fastapi": ("flask", "gthread"),
}
VARIANTS: dict[str, dict[str, object]] = {
    "plain": {},
    "bare": {"include_sample_model": False, "include_tests": False},
    "latency-arm": {
        "serving_profile": "latency",
        "instance_type": "ml.c7g.large",
        "build_target": "codebuild",
    },
}


def files_of(project: Path) -> list[Path]:
    return sorted(path for path in project.rglob("*") if path.is_file())


def answers_of(server: str, framework: str, model_format: str) -> dict[str, object]:
    return {"deployment_config": server, "framework": framework, "model_format": model_format}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("server", "framework", "model_format"), COMBINATIONS)
def test_a_project_is_complete_and_holds_nothing_else(
    render: Render, server: str, framework: str, model_format: str, variant: str
) -> None:
    project = render(**answers_of(server, framework, model_format), **VARIANTS[variant])
    files, of_library = files_of(project), ownership.files(project)
    for path in files:
        if path.suffix == ".gz":
            continue
        check_text(path)
        text = path.read_text()
        if not of_library[path.relative_to(project).as_posix()]:
            for word in OTHERS[framework] + OTHERS[server]:
                assert not re.search(rf"\b{word}", text, re.IGNORECASE), f"{path} speaks of {word}"
    dockerfile = (project / "Dockerfile").read_text()
    for source in copy_sources(dockerfile):
        assert (project / source).exists(), f"the Dockerfile copies {source}, which is not there"
    names = {path.relative_to(project).as_posix() for path in files}
    assert ("sample_model/train.py" in names) == (variant != "bare")
    assert ("do/contract/__main__.py" in names) == (variant != "bare")
    assert ("# COPY your_model_files /opt/ml/model/" in dockerfile) == (variant == "bare")
    for name in ("do/buildspec.yml", "do/submit", "iam/codebuild.toml", "do/lifecycle/codebuild/builder.py"):
        assert (name in names) == (variant == "latency-arm")
    assert ("linux/arm64" in (project / "do" / "config.toml").read_text()) == (variant == "latency-arm")
    check_scripts(project)
    assert ownership.unmarked(project) == []
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert stored["framework"] == framework and "given" not in stored and "predictive" not in stored


OWN_MODULES = [  # of projects, imported by their names
    *("lifecycle", "contract", "runtime", "app", "model_handler", "abalone", "backend", "signature"),
]
TRITON_VARIANTS: dict[str, dict[str, object]] = {
    "plain": {},
    "bare": {"include_sample_model": False, "include_tests": False},
    "latency-gpu": {"serving_profile": "latency", "instance_type": "ml.g5.xlarge"},
}
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
SERVERS = ("vllm", "sglang", "tensorrt-llm", "lmi", "djl")
WORDS = {  # that only projects of a server may hold
    "vllm": ("vllm",),
    "sglang": ("sglang",),
    "tensorrt-llm": ("tensorrt", "trtllm"),
    "lmi": ("lmi", "djl-inference"),
    "djl": ("transformers behind", "djl-serving:"),
}
NEUTRAL = {
    ("lmi", "vllm"),
    ("djl", "vllm"),
    ("djl", "lmi"),
}  # LMI has vLLM in it, DJL Serving says what it lacks
LANGUAGE_MODELS: dict[str, dict[str, object]] = {
    **{name: {"deployment_config": f"transformers-{name}"} for name in SERVERS},
    "default": {},
    "with-suite": {"include_tests": True},
    "fp8-cache": {"kv_cache_dtype": "fp8", "deployment_config": "transformers-tensorrt-llm"},
    "completions": {"chat_template": "none", "deployment_config": "transformers-sglang"},
    "token": {"hf_token_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hf-a1b2c3"},
    "extra": {"extra_arguments": '--override \'{"a": "b c"}\'', "base_image": "vllm/vllm-openai:v0.32.0"},
    "china": {"deployment_config": "transformers-lmi", "region": "cn-north-1"},
    "several-gpus": {"model_name": "meta-llama/Llama-3.1-70B-Instruct", "serving_profile": "throughput"},
    "unknown": {"model_name": "team/secret", "model_parameters": "13", "model_dtype": "fp8"},
    "s3": {"model_name": "s3://bucket/models/mine/", "model_parameters": "7"},
    "pinned": {"model_revision": "a09a35458c702b33eeacc393d103063234e8bc28", "max_model_len": 4096},
}


def language_model(variant: str) -> dict[str, object]:
    return {
        "deployment_config": "transformers-vllm",
        "include_tests": False,
        "offline": True,
        **LANGUAGE_MODELS[variant],
    }


@pytest.mark.parametrize("variant", LANGUAGE_MODELS)
def test_a_language_model_project_is_complete_and_holds_nothing_else(render: Render, variant: str) -> None:
    project = render("chat", **language_model(variant))
    files, of_library = files_of(project), ownership.files(project)
    server = str(language_model(variant)["deployment_config"]).removeprefix("transformers-")
    others = [name for name in SERVERS if name != server and (server, name) not in NEUTRAL]
    forbidden = [
        "sklearn",
        "flask",
        "gunicorn",
        "abalone",
        *(word for name in others for word in WORDS[name]),
    ]
    for path in files:
        check_text(path)
        if of_library[path.relative_to(project).as_posix()]:
            continue
        for word in forbidden:
            assert not re.search(rf"\b{word}", path.read_text(), re.IGNORECASE), f"{path} speaks of {word}"
    sent = (project / ".dockerignore").read_text().splitlines()
    for source in copy_sources((project / "Dockerfile").read_text()):
        assert (project / source).exists(), f"the Dockerfile copies {source}, which is not there"
        assert f"!{source.rstrip('/')}" in sent, f"the builder is not sent {source}"
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    settings = tomllib.loads((project / "serving" / "settings.toml").read_text())
    assert settings["model"] == stored["model_name"]
    assert settings.get("max_model_len", stored["max_model_len"]) == stored["max_model_len"]
    assert settings["tensor_parallel_size"] == stored["engine_settings"]["tensor_parallel_size"]
    assert stored["instance_type"] in (project / "README.md").read_text()
    check_scripts(project)
    assert ownership.unmarked(project) == []
    picture = ElementTree.parse(project / "memory.svg").getroot()
    assert stored["instance_type"] in "".join(picture.itertext())
    assert not {"framework", "need", "hf_token", "predictive"} & set(stored)
    ownership.assert_small(project)


def check_scripts(project: Path) -> None:
    scripts = [path for path in files_of(project) if path.read_bytes().startswith(b"#!")]
    assert {"do/build", "do/run", "do/test", "serving/serve"} <= {
        str(p.relative_to(project)) for p in scripts
    }
    for script in scripts:
        assert script.stat().st_mode & 0o111, f"{script} cannot be executed"


def check_text(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\{\{ |\{% |\{# ", text), f"{path} has Jinja left in it"
    assert text.endswith("\n") and not text.endswith("\n\n"), f"{path} ends badly"
    assert "\n\n\n\n" not in text and " \n" not in text, f"{path} has blank litter"


def copy_sources(dockerfile: str) -> list[str]:
    words = [shlex.split(line) for line in dockerfile.splitlines() if line.startswith("COPY ")]
    return [source for line in words if not line[1].startswith("--from") for source in line[1:-1]]


def test_a_default_project_is_small(render: Render) -> None:
    ownership.assert_small(render())


def test_the_readme_shows_the_tree_of_a_default_project(render: Render) -> None:
    shown = (
        (REPOSITORY / "README.md").read_text().partition("<!-- tree -->\n")[2].partition("<!-- /tree -->")[0]
    )
    tree = ownership.tree(render("my-model"))
    assert shown == f"```text\n{tree}\n```\n", "run `python -m tests.ownership` and paste its tree"


def test_two_renders_are_identical(render: Render) -> None:
    answers = {"project_name": "same", "project_id": "c0ffee42"}
    first, second = render("one", **answers), render("two", **answers)
    comparison = filecmp.dircmp(first, second)
    assert not comparison.diff_files and not comparison.left_only and not comparison.right_only
    for path in files_of(first):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes(), path


# One process renders for all of these.
LINT = pytest.mark.xdist_group("lint")


@pytest.fixture(scope="module")
def distinct_files(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Render all combinations and return their distinct files by kind, each once."""
    seen: set[str] = set()
    kinds: dict[str, list[Path]] = {"python": [], "Dockerfile": [], "yaml": [], "nginx.conf": [], "toml": []}
    every = [
        {**answers_of(*combination), **extra} for combination in COMBINATIONS for extra in VARIANTS.values()
    ]
    for config, model_format in TRITON_MODELS:
        triton: dict[str, object] = {"deployment_config": config, "model_format": model_format}
        every += [{**triton, **extra} for extra in TRITON_VARIANTS.values()]
    every += [{"deployment_config": config, "offline": True} for config in TRITON_LANGUAGE_MODELS]
    for data in [*every, *map(language_model, LANGUAGE_MODELS), *HYPERPOD_VARIANTS.values()]:
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
    for path in distinct_files["nginx.conf"]:
        run("gixy", str(path))


def test_shell_scripts_of_this_repository_are_clean() -> None:
    repository = Path(__file__).resolve().parents[2]
    scripts = [repository / ".ci" / "run", repository / "tests" / "install_nginx"]
    scripts += [*(repository / "tests" / "standins").glob("*")]
    shell = [
        str(p)
        for p in scripts
        if p.is_file() and p.read_bytes().startswith((b"#!/usr/bin/env bash", b"#!/bin/sh"))
    ]
    assert shell
    run("shellcheck", *shell)


@pytest.mark.parametrize("kind", ["http-fastapi", "transformers-vllm", "triton-fil"])
def test_a_clone_on_windows_keeps_its_line_endings(render: Render, tmp_path: Path, kind: str) -> None:
    """Git for Windows sets core.autocrlf, and a script that ends its lines in CR LF does not start."""
    project, clone = render(deployment_config=kind, offline=True), tmp_path / "clone"
    if models := {"http-fastapi": "model", "triton-fil": "model_repository"}.get(kind):
        (project / models).mkdir(exist_ok=True)
        (project / models / "of-windows.json").write_bytes(b"bytes\r\nof a model\n")
    git(project, "init")
    git(project, "add", "--all", "--force")
    git(project, "commit", "--message", "made")
    git(tmp_path, "clone", "-c", "core.autocrlf=true", str(project), str(clone))
    for path in files_of(project):
        name = path.relative_to(project)
        if name.parts[0] != ".git":
            assert (clone / name).read_bytes() == path.read_bytes(), name
    for line in (project / ".gitattributes").read_text().splitlines():
        pattern = line.partition(" ")[0]
        known = ("#", "*", "*.gz", "model/**", "model_repository/**")
        assert pattern in known or any(project.glob(pattern)), f"{pattern} matches nothing in the project"


def test_the_repository_itself_keeps_its_line_endings() -> None:
    text = (REPOSITORY / ".gitattributes").read_text()
    assert "* text=auto eol=lf\n" in text and "*.gz binary\n" in text
