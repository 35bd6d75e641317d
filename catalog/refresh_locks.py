"""Rewrite every `requirements:` in the catalog from the `direct:` next to it.

A maintainer's script, run by hand when a version is added or its dependencies should move forward:

    pip install uv pyyaml packaging
    python catalog/refresh_locks.py              # all
    python catalog/refresh_locks.py xgboost      # one framework or server; the others keep their pins

Each list is complete, transitive dependencies included, because projects install it with
`pip install --no-deps`. uv resolves it for Linux x86_64 and aarch64 and macOS arm64, from wheels only.
Servers come first and their pins constrain the frameworks', so any server's list can be joined with any
framework's. What a framework declares and no server imports is under its `unused:` and is left out.

The versions of Python with wheels for all of `direct` are written to `pythons:`, and one list of pins is made
that has wheels for all of them. An entry with a `released:` date is resolved as of that date plus 8 days:
old libraries do not exclude the numpy and SciPy that came after them, and fail when they are imported. Review
the diff, then run the unit tests.
"""

import argparse
import dataclasses
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

try:
    import yaml
    from packaging.markers import Marker
    from packaging.requirements import Requirement
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}. Run: python -m pip install uv pyyaml packaging") from None

CATALOG = Path(__file__).resolve().parent
FILES = ("web_servers.yml", "frameworks.yml", "targets.yml", "triton.yml", "benchmark.yml")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OLDEST_OF_TRITON = "3.10"  # Triton's images have it up to 24.10, and 3.12 from then on
# Left out of Triton's: what PyTorch needs on GPUs, and what reads models from Google's storage.
NOT_NEEDED = ("nvidia-", "cuda-", "triton==", "tensorflow-io-gcs-filesystem")
LINUX_X86 = {"sys_platform": "linux", "platform_machine": "x86_64"}
LINUX_ARM = {"sys_platform": "linux", "platform_machine": "aarch64"}
MAC_ARM = {"sys_platform": "darwin", "platform_machine": "arm64"}
TARGETS = [LINUX_X86, LINUX_ARM, MAC_ARM]
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")  # the same, for uv
OLDEST_MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}  # uv assumes 13, for which there are fewer wheels
# Old libraries are resolved with packages of their own time. The others keep their newest pins.
OF_THE_TIME = ("numpy", "scipy", "threadpoolctl")
DAYS_AFTER = 8  # with 90, some libraries are given a numpy that they cannot be imported with
# The plainest marker that is true on the same targets replaces the long one uv prints.
MARKERS = [
    "sys_platform == 'linux'",
    "sys_platform != 'linux'",
    "platform_machine == 'x86_64'",
    "platform_machine != 'x86_64'",
    "platform_machine == 'aarch64'",
    "platform_machine != 'aarch64'",
]


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry to lock: `pythons` and `requirements` are nodes to fill in.

    An entry `within` another one is installed on top of it, on the same versions of Python.
    """

    name: str
    direct: list[str]
    requirements: yaml.SequenceNode
    pythons: yaml.SequenceNode | None = None
    released: date | None = None
    unused: tuple[str, ...] = ()
    within: "Entry | None" = None


def main() -> None:
    """Resolve what was asked for and write it into the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "names", nargs="*", help="frameworks, servers, targets or generators to resolve again (default: all)"
    )
    wanted = parser.parse_args().names
    server_pins: list[str] = []
    pins_of: dict[int, tuple[list[str], list[str]]] = {}
    for file in FILES:
        path = CATALOG / file
        locks: list[tuple[yaml.SequenceNode, list[str]]] = []
        for entry in locked_entries(path):
            pins = texts(entry.requirements)
            if not wanted or entry.name in wanted:
                print(f"{file}: {entry.name}: {', '.join(entry.direct)}", flush=True)
                if file == "triton.yml":
                    found = resolve(entry.direct, [], (OLDEST_OF_TRITON,))
                    pins = [pin for pin in found if not pin.startswith(NOT_NEEDED)]
                elif file == "benchmark.yml":
                    # crick, of AIPerf, has no wheels for Linux on Arm.
                    pins = resolve(entry.direct, [], PYTHONS[:-1], ["--no-binary", "crick"])
                elif entry.within:
                    pythons, below = pins_of[id(entry.within.requirements)]
                    found = resolve(entry.direct, [*server_pins, *below], pythons)
                    pins = [pin for pin in found if pin not in below]
                else:
                    pythons, pins = lock(entry, server_pins)
                    pins_of[id(entry.requirements)] = pythons, pins
                    if entry.pythons is not None:
                        locks.append((entry.pythons, pythons))
                locks.append((entry.requirements, pins))
            if file == "web_servers.yml":
                server_pins += [pin for pin in pins if pin not in server_pins]
        path.write_text(with_locks(path.read_text(), locks))


def locked_entries(path: Path) -> Iterator[Entry]:
    """Yield everything in `path` that has `direct` and `requirements`, in its order."""
    root = fields_of(yaml.compose(path.read_text()))
    for name, node in fields_of(root[path.stem]).items():
        fields = fields_of(node)
        locked = fields["versions"].value if "versions" in fields else [node]
        unused = tuple(texts(fields["unused"])) if "unused" in fields else ()
        if "environments" in fields:
            locked = list(fields_of(fields["environments"]).values())
        for version in locked:
            if "direct" in (found := fields_of(version)):
                released = date.fromisoformat(found["released"].value) if "released" in found else None
                pythons = found.get("pythons")
                entry = Entry(name, texts(found["direct"]), found["requirements"], pythons, released, unused)
                yield entry
                if "pandas" in found:
                    more = fields_of(found["pandas"])
                    yield Entry(name, texts(more["direct"]), more["requirements"], within=entry)


def lock(entry: Entry, constraints: list[str]) -> tuple[list[str], list[str]]:
    """Return the versions of Python that an entry has wheels for, and its pins, which hold on all of them."""
    as_of = options_as_of(entry.released)
    pythons = [python for python in PYTHONS if has_wheels(entry.direct, python, as_of)]
    if not pythons:
        raise SystemExit(f"no Python of {', '.join(PYTHONS)} has wheels for {', '.join(entry.direct)}")
    pins = resolve(entry.direct, constraints, pythons, as_of, entry.unused)
    for python in pythons:
        if not has_wheels(pins, python, ["--no-deps"]):
            raise SystemExit(f"no wheels on Python {python} for some of {', '.join(pins)}")
    return pythons, pins


def options_as_of(released: date | None) -> list[str]:
    """Return options of uv that hide what came after a library and works only with newer ones."""
    if released is None:
        return []
    day = released + timedelta(days=DAYS_AFTER)
    return [part for name in OF_THE_TIME for part in ("--exclude-newer-package", f"{name}={day}")]


def has_wheels(requirements: list[str], python: str, options: Sequence[str]) -> bool:
    """Return whether everything can be installed from wheels on every platform with a version of Python."""
    command = ["uv", "pip", "compile", "--quiet", "--only-binary", ":all:", "--no-python-downloads", *options]
    text = "\n".join(requirements)
    return not any(
        subprocess.run(
            [*command, "--python-version", python, "--python-platform", platform, "-"],
            env={**os.environ, **OLDEST_MACOS},
            input=text,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
        for platform in PLATFORMS
    )


def fields_of(node: yaml.Node | None) -> dict[str, Any]:
    """Return the nodes of a mapping by their keys."""
    assert isinstance(node, yaml.MappingNode), node
    return {key.value: value for key, value in node.value}


def texts(node: yaml.SequenceNode) -> list[str]:
    """Return the items of a list of texts."""
    return [item.value for item in node.value]


def resolve(
    direct: list[str],
    constraints: list[str],
    pythons: Sequence[str] = PYTHONS,
    options: Sequence[str] = (),
    unused: Sequence[str] = (),
) -> list[str]:
    """Return `direct` and all it depends on as pins for `pythons`, with a marker where a platform lacks one.

    Each package has one version, which has wheels for all of them. `options` are further ones of uv, and
    `unused` are packages to leave out, with what only they depend on.
    """
    following = f"3.{int(pythons[-1].partition('.')[2]) + 1}"
    environments = [
        f"sys_platform == '{target['sys_platform']}' and platform_machine == '{target['platform_machine']}' "
        f"and python_full_version < '{following}'"
        for target in TARGETS
    ]
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "pyproject.toml").write_text(
            f'[project]\nname = "lock"\nversion = "0"\nrequires-python = ">={pythons[0]},<{following}"\n'
            f"[tool.uv]\nenvironments = {environments}\n"
        )
        (here / "direct.in").write_text("\n".join(direct))
        (here / "constraints.txt").write_text("\n".join(constraints))
        (here / "unused.txt").write_text("\n".join(unused))
        # Where a package is for some platforms only, it is so for those that depend on it, too.
        (here / "overrides.txt").write_text("\n".join(line for line in direct if ";" in line))
        command = ["uv", "pip", "compile", "direct.in", "--constraints", "constraints.txt", "--quiet"]
        command += ["--universal", "--fork-strategy", "fewest", "--python-version", pythons[0]]
        command += ["--no-python-downloads", "--only-binary", ":all:", "--no-header", "--no-annotate"]
        command += ["--no-emit-index-url", "--no-emit-find-links", "--excludes", "unused.txt"]
        command += ["--overrides", "overrides.txt", *options]
        printed = subprocess.run(command, cwd=here, check=True, text=True, stdout=subprocess.PIPE).stdout
    pins = [pin for line in printed.splitlines() if (pin := with_plain_marker(line, pythons))]
    names = [Requirement(pin).name for pin in pins]
    if twice := {name for name in names if names.count(name) > 1 and name not in map(named, direct)}:
        raise SystemExit(f"no single version of {', '.join(sorted(twice))} suits Python {', '.join(pythons)}")
    return sorted(pins, key=named)


def named(requirement: str) -> str:
    """Return the package that a requirement is of."""
    return Requirement(requirement).name


def with_plain_marker(line: str, pythons: Sequence[str]) -> str:
    """Return `line` with the plainest marker of platforms, or none; "" when no platform wants it.

    A package that only some versions of Python want (a backport) does no harm on the others.
    """
    requirement = Requirement(line)
    pin = f"{requirement.name}{requirement.specifier}"
    marker = requirement.marker
    wanted_by = [marker is None or holds(marker, target, pythons) for target in TARGETS]
    if all(wanted_by):
        return pin
    if not any(wanted_by):
        return ""
    for text in MARKERS:
        if [holds(Marker(text), target, pythons) for target in TARGETS] == wanted_by:
            return f"{pin} ; {text}"
    raise SystemExit(f"no marker in MARKERS matches this line: {line}")


def holds(marker: Marker, target: dict[str, str], pythons: Sequence[str]) -> bool:
    """Return whether `marker` is true on `target` with any of some versions of Python."""
    return any(
        marker.evaluate({"python_version": python, "python_full_version": f"{python}.0", **target})
        for python in pythons
    )


def with_locks(text: str, locks: list[tuple[yaml.SequenceNode, list[str]]]) -> str:
    """Return `text` with each list replaced; all else stays as it is.

    Pins are written one a line, versions of Python in brackets, quoted, as YAML would read 3.10 as 3.1.
    """
    lines = text.splitlines()
    for node, values in reversed(locks):
        # A list that is written in brackets starts on its key's line, any other on the line after.
        first = node.start_mark.line if node.flow_style else node.start_mark.line - 1
        last = node.end_mark.line if node.flow_style else node.value[-1].end_mark.line
        key = lines[first].partition(":")[0]
        indent = " " * (len(key) - len(key.lstrip()))
        written = [f"{key}:", *(f"{indent}  - {value}" for value in values)]
        if key.strip() == "pythons":
            written = [f"{key}: [{', '.join(map(repr, values))}]"]
        lines[first : last + 1] = written
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
