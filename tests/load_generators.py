"""The environment of do/benchmark in a project, with fakes of the load generators."""

import sys
from pathlib import Path

FAKES = Path(__file__).parent / "fakes" / "generators"


def install(project: Path) -> None:
    """Create .venv-benchmark, as if the requirements were installed."""
    directory = project / ".venv-benchmark"
    (directory / "bin").mkdir(parents=True, exist_ok=True)
    python = directory / "bin" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={FAKES} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    requirements = project / "do" / "lifecycle" / "load" / "requirements.txt"
    (directory / "installed.txt").write_text(requirements.read_text())
