"""Every program of this repository that lacks a package names it, and the command that installs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PROGRAMS = [
    (["catalog/refresh_instances.py"], "boto3", "'boto3>=1.44' pyyaml"),
    (["catalog/refresh_instances.py"], "yaml", "'boto3>=1.44' pyyaml"),
    (["catalog/refresh_locks.py"], "packaging", "uv pyyaml packaging"),
    (["extensions/mcp_server.py"], "yaml", "--upgrade mcp pyyaml huggingface_hub"),
    (["-m", "extensions.mcc.face.size", "Qwen/Qwen3-8B"], "yaml", "pyyaml huggingface_hub"),
]


@pytest.mark.parametrize(("program", "module", "packages"), PROGRAMS)
def test_a_missing_package_is_one_line(
    tmp_path: Path, program: list[str], module: str, packages: str
) -> None:
    missing = f"No module named {module!r}"
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError({missing!r}, name={module!r})\n")
    ended = subprocess.run(
        [sys.executable, *program],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert missing in ended.stderr and ended.stderr.count("\n") == 1
    assert ended.stderr.endswith(f"pip install {packages}\n")
