"""Interviews at a terminal, with answers given to all questions but some."""

import os
import sys
from pathlib import Path
from typing import Any

import pexpect
import yaml

from extensions.mcc.catalog import catalog

PROMPT_S = 120  # generous: other tests share the machine


def spawn(template: Path, destination: Path, *arguments: str, **environ: str) -> Any:
    """Start copier on a terminal that is wide enough for a message on one line."""
    command = ["-m", "copier", "copy", "--trust", "--skip-tasks", *arguments, str(template), str(destination)]
    environment = {name: value for name, value in os.environ.items() if name != "HF_TOKEN"}
    return pexpect.spawn(
        sys.executable,
        command,
        env={**environment, **environ},
        timeout=PROMPT_S,
        encoding="utf-8",
        dimensions=(40, 250),
    )


def language_model(*asked: str, **answers: str) -> list[str]:
    """Return -d for every question of a language model but these."""
    known = {
        "deployment_config": "transformers-vllm",
        "model_name": "team/unheard-of",
        "model_revision": "",
        "hf_token": "",
        "hf_token_secret_arn": "",
        "offline": "true",
        "model_parameters": "8",
        "model_dtype": "none",
        "deployment_target": "managed-inference",
        "serving_profile": "balanced",
        "max_model_len": "4096",
        "max_concurrency": "4",
        "kv_cache_dtype": "auto",
        "base_image": catalog.default_image("transformers-vllm"),
        "include_tests": "false",
        "chat_template": "none",
        "extra_arguments": "",
        "region": "us-east-1",
        "instance_type": "ml.g6e.xlarge",
        "role_arn": "",
        "build_target": "local",
        "project_name": "chat",
        "ci": "none",
        **answers,
    }
    return [word for name, value in known.items() if name not in asked for word in ("-d", f"{name}={value}")]


def given_but(*asked: str) -> list[str]:
    """Return -d for every question of a default project but these."""
    known = {
        "deployment_config": "http-fastapi",
        "framework": "sklearn",
        "model_format": "pkl",
        "model_path": "",
        "deployment_target": "managed-inference",
        "serving_profile": "throughput",
        "region": "us-east-1",
        "instance_type": "ml.m5.large",
        "role_arn": "",
        "build_target": "local",
        "framework_version": catalog.frameworks()["sklearn"].default_version().number,
        "include_sample_model": "true",
        "include_tests": "true",
        "project_name": "given",
        "ci": "none",
    }
    return [word for name, value in known.items() if name not in asked for word in ("-d", f"{name}={value}")]


def stored_in(project: Path) -> dict[str, Any]:
    stored: dict[str, Any] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return stored
