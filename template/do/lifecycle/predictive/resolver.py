# Part of the library: `copier update` replaces this file.
"""Pins for the packages of a project and all that they need, for several versions of Python and platforms.

The template resolves with this module when a project is made, and do/lock in the project. It needs the
standard library and uv.
"""

import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

LINUX_X86, LINUX_ARM, MAC_ARM = "x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin"
REQUIRED = (LINUX_X86, LINUX_ARM)  # a version of Python without wheels for one of these is left out
PLATFORMS = (*REQUIRED, MAC_ARM)
OLDEST_MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}  # uv assumes 13, for which there are fewer wheels
# Packages that are resolved as of a day, if one is given. Others, such as a web server, are the newest.
NUMERIC = (
    *("numpy", "scipy", "threadpoolctl", "scikit-learn"),
    *("keras", "h5py", "ml-dtypes", "protobuf", "tensorboard"),
)
CALLS_AT_ONCE = 6  # uv waits for the network most of the time
MARKERS = {
    frozenset({LINUX_X86, LINUX_ARM}): "sys_platform == 'linux'",
    frozenset({MAC_ARM}): "sys_platform != 'linux'",
    frozenset({LINUX_X86}): "platform_machine == 'x86_64'",
    frozenset({LINUX_ARM, MAC_ARM}): "platform_machine != 'x86_64'",
    frozenset({LINUX_ARM}): "platform_machine == 'aarch64'",
    frozenset({LINUX_X86, MAC_ARM}): "platform_machine != 'aarch64'",
}
MACHINE = "platform_machine"
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
LOCK_FILE = "pylock.toml"  # uv writes the format of this name, with the hash of each wheel
Pins = dict[str, str]  # package -> version


class Unresolved(Exception):
    """No set of versions fits; the text is the reason that uv states."""


@dataclass(frozen=True)
class Wanted:
    """Requirements to resolve.

    `constraints` limit versions of packages that something else requires, `kept` are pins to keep where they
    fit, `unused` are packages to leave out with what only they need, `overrides` replace what packages state
    about others. `as_of` is a day (2024-09-19), "" for the newest versions.
    """

    direct: Sequence[str]
    constraints: Sequence[str] = ()
    kept: Sequence[str] = ()
    unused: Sequence[str] = ()
    overrides: Sequence[str] = ()
    as_of: str = ""


@dataclass(frozen=True)
class Package:
    """A version of a package, and the SHA-256 of each file that it is installed from."""

    version: str
    hashes: tuple[str, ...]


Found = dict[str, Package]  # by package


@dataclass(frozen=True)
class Lock:
    """Versions of Python that have wheels for all pins, oldest first, and the pins, sorted by name.

    `hashes` are the SHA-256 of the wheels for these versions and all platforms, by pin without its marker.
    """

    pythons: tuple[str, ...]
    requirements: tuple[str, ...]
    hashes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Uv:
    """A command that runs uv, its environment variables, and the time limit of a resolution in seconds."""

    command: Sequence[str]
    environ: Mapping[str, str]
    seconds: float


def find_uv(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the command of uv: on PATH, or in the environment of this Python; [] without uv."""
    if found := shutil.which("uv", path=environ.get("PATH")):
        return [found]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else []


def resolve(uv: Uv, wanted: Wanted, pythons: Sequence[str]) -> Lock:
    """Return pins from wheels alone, each package in one version, for as many of `pythons` as possible.

    The oldest Python that resolves sets the versions. Raise Unresolved if there is none, or no time is left.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = _Run(uv, wanted, Path(folder), monotonic() + uv.seconds)
        oldest, base = run.first(pythons)
        cases = list(itertools.product(pythons[pythons.index(oldest) :], PLATFORMS))
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            results = list(pool.map(lambda case: run.packages(case[0], case[1], base), cases))
    found = {case: one for case, one in zip(cases, results, strict=True) if isinstance(one, dict)}
    return _joined(found, oldest, next((text for text in results if isinstance(text, str)), ""))


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers to compare."""
    return tuple(map(int, re.findall(r"\d+", version)))


def packages(requirements: Sequence[str]) -> Pins:
    """Return package -> version of the pins among the lines of a requirements file."""
    return {_normalized(pin[1]): pin[2] for line in requirements if (pin := PIN.match(line.strip()))}


def with_hashes(requirements: Sequence[str], hashes: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the lines of a requirements file that pip installs with --require-hashes.

    `hashes` are by pin, without its marker; KeyError for a pin without one.
    """
    lines = list[str]()
    for requirement in requirements:
        own = [f"    --hash=sha256:{digest}" for digest in hashes[without_marker(requirement)]]
        lines += [f"{line} \\" for line in (requirement, *own[:-1])] + own[-1:]
    return lines


def hashes_in(lines: Sequence[str]) -> dict[str, list[str]]:
    """Return the hashes of each pin in the lines of a requirements file, by pin without its marker."""
    found = dict[str, list[str]]()
    own = list[str]()
    for line in lines:
        if PIN.match(line):
            own = found.setdefault(without_marker(line.removesuffix(" \\")), [])
        own += HASH.findall(line)
    return found


def without_marker(requirement: str) -> str:
    """Return a pin without the platforms that it is for."""
    return requirement.partition(";")[0].strip()


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _joined(found: Mapping[tuple[str, str], Found], oldest: str, reason: str) -> Lock:
    """Join the packages of all Pythons and platforms. A Python that contradicts an older one is left out."""
    pythons, wanted_by = list[str](), dict[str, set[str]]()
    versions, hashes = Pins(), dict[str, set[str]]()
    for python in dict.fromkeys(python for python, _ in found):
        own = {platform: found[python, platform] for platform in PLATFORMS if (python, platform) in found}
        pins = {(name, package.version) for each in own.values() for name, package in each.items()}
        differs = any(versions.get(name, version) != version for name, version in pins)
        if differs or not set(REQUIRED) <= set(own) or len(pins) != len(dict(pins)):
            continue
        pythons.append(python)
        versions |= dict(pins)
        for platform, each in own.items():
            for name, package in each.items():
                wanted_by.setdefault(name, set()).add(platform)
                hashes.setdefault(name, set()).update(package.hashes)
    if not pythons:
        raise Unresolved(reason or f"no version of each package has wheels for Python {oldest}")
    everywhere = set[str]().union(*wanted_by.values())
    lines = []
    for name in sorted(versions):
        marker = "" if wanted_by[name] == everywhere else f" ; {MARKERS[frozenset(wanted_by[name])]}"
        lines.append(f"{name}=={versions[name]}{marker}")
    by_pin = {f"{name}=={versions[name]}": tuple(sorted(hashes[name])) for name in sorted(versions)}
    return Lock(tuple(pythons), tuple(lines), by_pin)


def read_lock(text: str) -> Found:
    """Return the packages of a pylock.toml. Raise Unresolved if uv wrote another format."""
    try:
        listed = tomllib.loads(text)["packages"]
    except (tomllib.TOMLDecodeError, KeyError):
        raise Unresolved("this uv does not write pylock.toml: pip install -U uv") from None
    found = Found()
    for package in listed:
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
        digests = tuple(file["hashes"]["sha256"] for file in files if "sha256" in file.get("hashes", {}))
        if not digests:
            raise Unresolved(f"the package index has no SHA-256 of {package['name']} {package['version']}")
        found[_normalized(package["name"])] = Package(package["version"], digests)
    return found


def _kept(pins: Sequence[str]) -> str:
    """Return a pylock.toml with pins, whose versions uv keeps where they fit."""
    lines = ['lock-version = "1.0"', 'created-by = "do/lock"']
    for name, version in packages(pins).items():
        lines += ["[[packages]]", f'name = "{name}"', f'version = "{version}"']
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class _Run:
    """The calls of uv for one resolution."""

    uv: Uv
    wanted: Wanted
    folder: Path
    end: float

    def first(self, pythons: Sequence[str]) -> tuple[str, Pins]:
        """Return the oldest Python with a resolution on Linux, and its pins."""
        reason = "no version of Python is left to resolve for"
        for python in pythons:
            found = self.packages(python, LINUX_X86, {})
            if isinstance(found, dict):
                return python, {name: package.version for name, package in found.items()}
            reason = found
        raise Unresolved(reason)

    def packages(self, python: str, platform: str, base: Pins) -> Found | str:
        """Return the packages of a platform with the versions of `base`, or why there are none."""
        here = self.folder / f"{python}-{platform}-{len(base)}"
        here.mkdir()
        fixed = [f"{name}=={version}" for name, version in base.items()]
        texts = {
            "direct.in": self.wanted.direct,
            "constraints.txt": [*self.wanted.constraints, *fixed],
            "unused.txt": self.wanted.unused,
            # A package for some machines only is so for those that depend on it, too.
            "overrides.txt": [*(x for x in self.wanted.direct if MACHINE in x), *self.wanted.overrides],
        }
        if self.wanted.kept:  # uv keeps what the file had, and accepts none without packages
            (here / LOCK_FILE).write_text(_kept(self.wanted.kept), "utf-8")
        for name, lines in texts.items():
            (here / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
        command = [*self.uv.command, "pip", "compile", "direct.in", "--quiet", "--only-binary", ":all:"]
        command += [
            "--constraints",
            "constraints.txt",
            "--excludes",
            "unused.txt",
            "--overrides",
            "overrides.txt",
            "--output-file",
            LOCK_FILE,
        ]
        command += ["--python-version", python, "--python-platform", platform, "--no-python-downloads"]
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        if self.wanted.as_of:
            dated = [f"{name}={self.wanted.as_of}" for name in NUMERIC]
            command += [part for value in dated for part in ("--exclude-newer-package", value)]
        return self._run(command, here)

    def _run(self, command: Sequence[str], here: Path) -> Found | str:
        environ = {**OLDEST_MACOS, "UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "5", **self.uv.environ}
        remaining = max(self.end - monotonic(), 0.1)
        try:
            ended = subprocess.run(
                command, cwd=here, env=environ, capture_output=True, text=True, timeout=remaining
            )
        except subprocess.TimeoutExpired:
            return f"uv took more than {self.uv.seconds:g} s"
        except OSError as error:
            return f"uv cannot be started: {error}"
        if ended.returncode:
            return " ".join(re.sub(r"[^ -~]", " ", ended.stderr).split()) or "uv failed without a message"
        return read_lock((here / LOCK_FILE).read_text("utf-8"))
