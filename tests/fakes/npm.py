"""The npm packages of the tests, in .demo/npm: the TypeScript SDK of MCP, and the predecessor's servers."""

import fcntl
import shutil
import subprocess
from pathlib import Path

from tests.conftest import REPOSITORY

SDK = "@modelcontextprotocol/sdk@1.32.2"
PREDECESSOR = "@aws/ml-container-creator@1.6.0"
FOLDER = REPOSITORY / ".demo" / "npm"
READY = FOLDER / ".ready"
LOCK = FOLDER.with_suffix(".lock")  # workers of pytest share the folder


def folder() -> Path:
    """Return the folder with node_modules and the predecessor's package; create it once.

    Raise RuntimeError if npm is missing or fails.
    """
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = f"{SDK}\n{PREDECESSOR}\n"
        if not READY.is_file() or READY.read_text() != wanted:
            _make()
            READY.write_text(wanted)
    return FOLDER


def with_sdk(script: Path, directory: Path) -> Path:
    """Return a copy of a script in an empty directory, in which it finds the SDK and the predecessor."""
    for name in ("node_modules", "package"):
        (directory / name).symlink_to(folder() / name)
    return Path(shutil.copy(script, directory))


def _make() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "package.json").write_text('{"private": true}\n')
    _npm("install", "--ignore-scripts", "--no-audit", "--no-fund", SDK)
    _npm("pack", PREDECESSOR)  # only its servers: an installation would include the AWS SDK
    shutil.unpack_archive(next(FOLDER.glob("aws-ml-container-creator-*.tgz")), FOLDER, filter="data")


def _npm(*arguments: str) -> None:
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise RuntimeError("Node.js is missing, which the tests of MCP need: run them by make test")
    command = [npm, *arguments]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"npm {' '.join(arguments)} failed: {done.stderr[-500:]}")
