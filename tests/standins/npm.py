"""What the tests need from npm, in .demo/npm: the TypeScript SDK of MCP, and the predecessor's servers."""

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from tests.conftest import REPOSITORY

SDK = "@modelcontextprotocol/sdk@1.32.2"
PREDECESSOR = "@aws/ml-container-creator@1.6.0"
FOLDER = REPOSITORY / ".demo" / "npm"
READY = FOLDER / ".ready"


@lru_cache
def folder() -> Path:
    """Return the folder with node_modules and the predecessor's package; make it once.

    Raises RuntimeError where npm is missing or fails.
    """
    wanted = f"{SDK}\n{PREDECESSOR}\n"
    if READY.is_file() and READY.read_text() == wanted:
        return FOLDER
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "package.json").write_text('{"private": true}\n')
    _npm("install", "--ignore-scripts", "--no-audit", "--no-fund", SDK)
    _npm("pack", PREDECESSOR)  # its servers alone: installed, it brings the AWS SDK along
    shutil.unpack_archive(next(FOLDER.glob("aws-ml-container-creator-*.tgz")), FOLDER, filter="data")
    READY.write_text(wanted)
    return FOLDER


def with_sdk(script: Path) -> Path:
    """Return a copy of a script in a place from where it finds the SDK."""
    return Path(shutil.copy(script, folder()))


def _npm(*arguments: str) -> None:
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise RuntimeError("Node.js is missing, which the tests of MCP need: apt-get install nodejs npm")
    command = [npm, *arguments]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"npm {' '.join(arguments)} failed: {done.stderr[-500:]}")
