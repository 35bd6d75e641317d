"""How serve calls an engine: the stub in its place writes it down."""

import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from extensions.mcc.servers import engines
from tests.serving import llm

MODEL = "Qwen/Qwen3-8B"
each_server = pytest.mark.parametrize("config", llm.SERVERS)
Done: TypeAlias = "subprocess.CompletedProcess[str]"


def serve(
    project: Path, *arguments: str, gpus: str | None = None, **changes: str
) -> tuple[Done, dict[str, Any]]:
    """Run serve with a stub that ends once it has shown how it was called; return how it ended, and that.

    `gpus` are those of the project's instance type when not given.
    """
    (project.parent / "record.json").unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "serving/serve", *arguments],
        cwd=project,
        env=llm.variables(
            project, STUB_ONLY_SHOWS="1", **({} if gpus is None else {"STUB_GPUS": gpus}), **changes
        ),
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done, llm.record(project)


def given(called: dict[str, Any], project: Path) -> dict[str, str]:
    """Return setting -> value as the engine was told, by flags, variables or its options file."""
    words, told = called["command"], dict[str, str]()
    config, image = stored(project)["deployment_config"], stored(project)["base_image"]
    for name, flag in engines.carriers(image, config, "flag").items():
        if flag in words:
            told[name] = words[words.index(flag) + 1]
    for name, variable in engines.carriers(image, config, "variable").items():
        if variable in called["environment"]:
            told[name] = called["environment"][variable]
    if config == "transformers-tensorrt-llm":
        told["model"] = words[2]
        told |= {"options": called["files"][told["options_file"]]}
    return told


def stored(project: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((project / ".copier-answers.yml").read_text()))
