"""Rewrite every `requirements:` of frameworks, web servers, targets and Triton from the `direct:` beside it.

A maintainer's script, run by hand when a version is added or its dependencies should move forward:

    pip install uv pyyaml packaging
    python catalog/refresh_locks.py              # all
    python catalog/refresh_locks.py xgboost      # one framework or server; the others keep their pins

Each list is complete, transitive dependencies included, because projects install it with
`pip install --no-deps`. uv resolves it for Python 3.12 on Linux x86_64 and aarch64 and macOS arm64, from
wheels only. Servers come first and their pins constrain the frameworks', so any server's list can be joined
with any framework's. Review the diff, then run the unit tests.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import yaml
    from packaging.markers import Marker
    from packaging.requirements import Requirement
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}. Run: python -m pip install uv pyyaml packaging") from None

CATALOG = Path(__file__).resolve().parent
PYTHON_VERSION = "3.12"
OLDEST_OF_TRITON = "3.10"  # Triton's images have it up to 24.10, and 3.12 from then on
# Left out of Triton's: what PyTorch needs on GPUs, and what reads models from Google's storage.
NOT_NEEDED = ("nvidia-", "cuda-", "triton==", "tensorflow-io-gcs-filesystem")
LINUX_X86 = {"sys_platform": "linux", "platform_machine": "x86_64"}
LINUX_ARM = {"sys_platform": "linux", "platform_machine": "aarch64"}
MAC_ARM = {"sys_platform": "darwin", "platform_machine": "arm64"}
TARGETS = [LINUX_X86, LINUX_ARM, MAC_ARM]
# The plainest marker that is true on the same targets replaces the long one uv prints.
MARKERS = [
    "sys_platform == 'linux'",
    "sys_platform != 'linux'",
    "platform_machine == 'x86_64'",
    "platform_machine != 'x86_64'",
    "platform_machine == 'aarch64'",
    "platform_machine != 'aarch64'",
]


def main() -> None:
    """Resolve what was asked for and write it into the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "names", nargs="*", help="frameworks, servers or targets to resolve anew (default: all)"
    )
    wanted = parser.parse_args().names
    server_pins: list[str] = []
    for file in ("web_servers.yml", "frameworks.yml", "targets.yml", "triton.yml"):
        path = CATALOG / file
        of_triton = file == "triton.yml"
        locks: list[tuple[yaml.SequenceNode, list[str]]] = []
        for name, direct, old in locked_entries(path):
            pins = texts(old)
            if not wanted or name in wanted:
                print(f"{file}: {name}: {', '.join(direct)}", flush=True)
                pins = resolve(direct, [], OLDEST_OF_TRITON) if of_triton else resolve(direct, server_pins)
                if of_triton:
                    pins = [pin for pin in pins if not pin.startswith(NOT_NEEDED)]
                locks.append((old, pins))
            if file == "web_servers.yml":
                server_pins += [pin for pin in pins if pin not in server_pins]
        path.write_text(with_locks(path.read_text(), locks))


def locked_entries(path: Path) -> Iterator[tuple[str, list[str], yaml.SequenceNode]]:
    """Yield the name, `direct` and the `requirements` node of everything in `path` that has both."""
    root = fields_of(yaml.compose(path.read_text()))
    for name, entry in fields_of(root[path.stem]).items():
        fields = fields_of(entry)
        locked = fields["versions"].value if "versions" in fields else [entry]
        if "environments" in fields:
            locked = list(fields_of(fields["environments"]).values())
        for version in locked:
            if "direct" in (found := fields_of(version)):
                yield name, texts(found["direct"]), found["requirements"]


def fields_of(node: yaml.Node | None) -> dict[str, Any]:
    """Return the nodes of a mapping by their keys."""
    assert isinstance(node, yaml.MappingNode), node
    return {key.value: value for key, value in node.value}


def texts(node: yaml.SequenceNode) -> list[str]:
    """Return the items of a list of texts."""
    return [item.value for item in node.value]


def resolve(direct: list[str], constraints: list[str], python: str = PYTHON_VERSION) -> list[str]:
    """Return `direct` and all it depends on as pins, with a marker where a target goes without."""
    following = f"3.{int(python.partition('.')[2]) + 1}"
    environments = [
        f"sys_platform == '{target['sys_platform']}' and platform_machine == '{target['platform_machine']}' "
        f"and python_full_version < '{following}'"
        for target in TARGETS
    ]
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "pyproject.toml").write_text(
            f'[project]\nname = "lock"\nversion = "0"\nrequires-python = "=={python}.*"\n'
            f"[tool.uv]\nenvironments = {environments}\n"
        )
        (here / "direct.in").write_text("\n".join(direct))
        (here / "constraints.txt").write_text("\n".join(constraints))
        command = ["uv", "pip", "compile", "direct.in", "--constraints", "constraints.txt", "--quiet"]
        command += ["--universal", "--python-version", python, "--no-python-downloads"]
        command += ["--only-binary", ":all:", "--no-header", "--no-annotate"]
        command += ["--no-emit-index-url", "--no-emit-find-links"]
        printed = subprocess.run(command, cwd=here, check=True, text=True, stdout=subprocess.PIPE).stdout
    pins = [pin for line in printed.splitlines() if (pin := with_plain_marker(line, python))]
    return sorted(pins, key=lambda pin: Requirement(pin).name)


def with_plain_marker(line: str, python: str) -> str:
    """Return `line` with the plainest equivalent marker, or none; "" when no target wants it."""
    requirement = Requirement(line)
    pin = f"{requirement.name}{requirement.specifier}"
    marker = requirement.marker
    wanted_by = [marker is None or holds(marker, target, python) for target in TARGETS]
    if all(wanted_by):
        return pin
    if not any(wanted_by):
        return ""
    for text in MARKERS:
        if [holds(Marker(text), target, python) for target in TARGETS] == wanted_by:
            return f"{pin} ; {text}"
    raise SystemExit(f"no marker in MARKERS says what this line does: {line}")


def holds(marker: Marker, target: dict[str, str], python: str) -> bool:
    """Tell whether `marker` is true on `target` with a version of Python."""
    return marker.evaluate({"python_version": python, "python_full_version": f"{python}.0", **target})


def with_locks(text: str, locks: list[tuple[yaml.SequenceNode, list[str]]]) -> str:
    """Return `text` with each list replaced by a list of pins, one a line; all else stays as it is."""
    lines = text.splitlines()
    for node, pins in reversed(locks):
        # A list that is written in brackets starts on its key's line, any other on the line after.
        first = node.start_mark.line if node.flow_style else node.start_mark.line - 1
        last = node.end_mark.line if node.flow_style else node.value[-1].end_mark.line
        indent = " " * lines[first].index("requirements:")
        lines[first : last + 1] = [f"{indent}requirements:", *(f"{indent}  - {pin}" for pin in pins)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
