# Part of the library: `copier update` replaces this file.
"""Resolve requirements.in with uv, write the pins to requirements.txt, and show the difference."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lifecycle import chosen, package_index
from lifecycle.predictive import resolver
from lifecycle.project import PRECONDITION, PROJECT, USAGE, Config, Failure, Result, replace_text

DIRECT, PINS = PROJECT / "requirements.in", PROJECT / "requirements.txt"
SECONDS = 120.0
HEAD = "# All packages, pinned, for Python {}. Install with --no-deps --require-hashes."
OPTION = re.compile(r"#\s*(as-of|without|override):\s*(.*)")
IMAGE = re.compile(r"^FROM (?:\S*/)?python:(3\.[0-9]+)", re.MULTILINE)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# A package by its name, with extras, versions and a marker: an address or an option cannot be pinned.
REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\])?\s*([=<>!~][^@#]*)?(;[^@#]*)?(\s+#.*)?")


@dataclass(frozen=True)
class Direct:
    """The content of requirements.in: requirements, the day of numeric libraries, packages to leave out.

    `overrides` replace what packages state about others.
    """

    lines: tuple[str, ...]
    as_of: str = ""
    unused: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/lock."""
    text = "take the newest versions that fit; without it, pins that still fit are kept"
    parser.add_argument("--upgrade", action="store_true", help=text)


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Write requirements.txt, and return the packages that were added, changed and removed."""
    direct = parsed(_read(DIRECT))
    before = _read(PINS).splitlines()
    command = resolver.find_uv()
    if not command:
        seen, next_step = "uv is not on PATH", "install it: pip install uv"
        raise Failure(PRECONDITION, "no-uv", "cannot resolve the requirements", seen, next_step)
    uv = resolver.Uv(command, package_index.for_uv(), SECONDS)
    kept = [] if arguments.upgrade else [line for line in before if resolver.PIN.match(line)]
    wanted = resolver.Wanted(
        direct.lines, kept=kept, unused=direct.unused, overrides=direct.overrides, as_of=direct.as_of
    )
    try:
        lock = resolver.resolve(uv, wanted, chosen.PYTHONS)
    except resolver.Unresolved as error:
        next_step = "change requirements.in, and run do/lock again"
        raise Failure(
            PRECONDITION, "unresolved", "the requirements do not fit together", str(error), next_step
        ) from None
    notice = _without_wheels(lock)
    hashes = _hashes(lock.hashes, resolver.hashes_in(before))
    after = [HEAD.format(", ".join(lock.pythons)), *resolver.with_hashes(lock.requirements, hashes)]
    changes = difference(before, after)
    if after == before:
        return {"changes": [], "text": "requirements.txt is up to date"}
    replace_text(PINS, "".join(f"{line}\n" for line in after))
    following = "do/run --local and do/build install them. Commit requirements.in and requirements.txt."
    return {"changes": changes, "text": "\n".join([*changes, *filter(None, [notice]), following])}


def parsed(text: str) -> Direct:
    """Return the content of requirements.in. Raise Failure (usage) for a line that cannot be pinned."""
    lines, options = list[str](), dict[str, str]()
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if option := OPTION.fullmatch(line):
            options[option[1]] = option[2]
        elif line and not line.startswith("#"):
            if not REQUIREMENT.fullmatch(line):
                seen = f"line {number}: {line}"
                next_step = "name a package of the index, such as category-encoders>=2.6"
                raise Failure(USAGE, "not-a-requirement", "cannot pin a requirement", seen, next_step)
            lines.append(line)
    as_of = options.get("as-of", "")
    if as_of and not DAY.fullmatch(as_of):
        next_step = "write a day such as # as-of: 2024-09-19, or remove the line"
        raise Failure(USAGE, "not-a-day", "cannot use requirements.in", f"as-of: {as_of}", next_step)
    unused, overrides = (tuple(options.get(name, "").split()) for name in ("without", "override"))
    return Direct(tuple(lines), as_of, unused, overrides)


def difference(before: list[str], after: list[str]) -> list[str]:
    """Return a line for each package that is added, changed or removed."""
    old, new = resolver.packages(before), resolver.packages(after)
    lines = []
    for name in sorted({*old, *new}):
        if name not in old:
            lines.append(f"+ {name} {new[name]}")
        elif name not in new:
            lines.append(f"- {name} {old[name]}")
        elif old[name] != new[name]:
            lines.append(f"  {name} {old[name]} -> {new[name]}")
    return lines


def _hashes(
    found: Mapping[str, Sequence[str]], known: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    """Return the hashes of each pin: those of the file if none is missing, so that a review sees no others.

    The file of a new project allows wheels for more versions of Python than its own.
    """
    return {pin: known[pin] if {*own} <= {*known.get(pin, ())} else own for pin, own in found.items()}


def _without_wheels(lock: resolver.Lock) -> str:
    """Return a notice about versions of Python without wheels, or "". Raise Failure for the image's."""
    missing = [python for python in chosen.PYTHONS if python not in lock.pythons]
    if not missing:
        return ""
    seen = f"some packages have no wheels for Python {', '.join(missing)} in the versions of the others"
    image = IMAGE.search(_read(PROJECT / "Dockerfile"))
    if image and image[1] in missing:
        next_step = "allow other versions in requirements.in, or change the image in Dockerfile"
        what = "the pins do not suit the Python of the image"
        raise Failure(PRECONDITION, "no-wheels", what, seen, next_step)
    return f"{seen}: use Python {', '.join(lock.pythons)}"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        next_step = f"restore it: git checkout {path.name}, or copier update --trust"
        raise Failure(
            USAGE, "unreadable", f"cannot read {path.name}", error.strerror or str(error), next_step
        ) from None
