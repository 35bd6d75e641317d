"""Checks of every rendered project, and helpers of their tests."""

import re
import shlex
from pathlib import Path

VARIANTS: dict[str, dict[str, object]] = {
    "plain": {},
    "bare": {"include_sample_model": False, "include_tests": False, "private_index": True},
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


# Targets of predictive models alone.
TARGETS: dict[str, dict[str, object]] = {
    "serverless": {"deployment_target": "serverless-inference"},
    "batch": {"deployment_target": "batch-transform"},
}
TRITON_VARIANTS: dict[str, dict[str, object]] = {
    "plain": {},
    "bare": {"include_sample_model": False, "include_tests": False},
    "latency-gpu": {"serving_profile": "latency", "instance_type": "ml.g5.xlarge"},
}


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
