"""Rewrite hashes.yml: the SHA-256 of the wheels that each pin in the catalog is installed from.

A maintainer's script, run by hand after refresh_locks.py:

    pip install uv pyyaml packaging
    python catalog/refresh_hashes.py

For each version of Python and each platform that a list of pins is for, uv names the one wheel that it would
install. Projects install with `--require-hashes`: pip refuses any other file, whatever the index serves.
The script fails if uv cannot name a wheel: a missing hash would fail later, on the machine of a user.
"""

import importlib.util
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from catalog.refresh_locks import (
    CATALOG,
    FILES,
    OLDEST_MACOS,
    OLDEST_OF_TRITON,
    PLATFORMS,
    PYTHONS,
    locked_entries,
    texts,
)

FILE = CATALOG / "hashes.yml"
RESOLVER = CATALOG.parent / "template" / "do" / "lifecycle" / "predictive" / "resolver.py"
CALLS_AT_ONCE = 2
INTEL_MAC = "x86_64-apple-darwin"  # for the do/ commands alone: numeric libraries leave it
PYTHONS_OF_TRITON = (OLDEST_OF_TRITON, "3.11", "3.12")
WITHOUT = ("triton-pytorch",)  # PyTorch for CPUs is on an index of its own
HEAD = """\
# The SHA-256 of the wheels of each pin in the other files, for the versions of Python and the platforms of
# their lists. Written by refresh_hashes.py.
source: the wheels on PyPI, listed by uv
"""


@dataclass(frozen=True)
class Pins:
    """Pins that are installed together, and where: versions of Python and platforms, as uv names them.

    Packages in `sources` have no wheel for some platform: their source is allowed.
    """

    requirements: tuple[str, ...]
    pythons: tuple[str, ...]
    platforms: tuple[str, ...] = PLATFORMS
    sources: tuple[str, ...] = ()


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


resolver = _module(RESOLVER)  # the module of the projects that reads what uv writes


def lists() -> Iterator[Pins]:
    """Yield the lists of pins in the catalog, and what includes/tomli.dockerfile.jinja installs."""
    yield Pins(("tomli==2.5.0",), ("3.10",))
    for file in FILES:
        for entry in locked_entries(CATALOG / file):
            pins = tuple(texts(entry.requirements))
            if entry.name in WITHOUT:
                continue
            if file == "triton.yml":
                yield Pins(pins, PYTHONS_OF_TRITON)
            elif file == "targets.yml":
                yield Pins(pins, PYTHONS, (*PLATFORMS, INTEL_MAC))
            elif file == "benchmark.yml":
                yield Pins(pins, PYTHONS[:-1], sources=("crick", "gevent"))
            else:
                node = (entry.within or entry).pythons
                yield Pins(pins, tuple(texts(node)) if node else PYTHONS)


def hashes(pins: Pins, python: str, platform: str) -> dict[str, tuple[str, ...]]:
    """Return the SHA-256 of files by pin. Raise SystemExit if uv does not name a file for each."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / resolver.LOCK_FILE
        command = ["uv", "pip", "compile", "--quiet", "--no-deps"]
        names = [name for pin in pins.requirements if (name := pin.partition("==")[0]) not in pins.sources]
        command += [part for name in names for part in ("--only-binary", name)]
        command += ["--no-python-downloads", "--python-version", python, "--python-platform", platform]
        command += ["--output-file", str(output), "-"]
        ended = subprocess.run(
            command,
            env={**os.environ, **OLDEST_MACOS},
            input="\n".join(pins.requirements),
            text=True,
            capture_output=True,
        )
        if ended.returncode:
            raise SystemExit(f"Python {python} on {platform}: {ended.stderr.strip()}")
        found = resolver.read_lock(output.read_text())
    return {f"{name}=={package.version}": package.hashes for name, package in found.items()}


def written(found: dict[str, set[str]]) -> str:
    """Return the text of hashes.yml."""
    lines = [f"date: {date.today()}", "hashes:"]
    for pin in sorted(found):
        lines += [f"  {pin}:", *(f"    - {digest}" for digest in sorted(found[pin]))]
    return HEAD + "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Ask uv for every list, and write the file."""
    cases = [(pins, *where) for pins in lists() for where in itertools.product(pins.pythons, pins.platforms)]
    found = dict[str, set[str]]()
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        for count, answer in enumerate(pool.map(lambda case: hashes(*case), cases), 1):
            print(f"\r{count} of {len(cases)}", end="", file=sys.stderr, flush=True)
            for pin, digests in answer.items():
                found.setdefault(pin, set()).update(digests)
    print(file=sys.stderr)
    FILE.write_text(written(found))


if __name__ == "__main__":
    main()
