# Part of the library: `copier update` replaces this file.
"""The source of a remote build: the files that .dockerignore does not exclude, as a zip archive."""

import posixpath
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

BUILDSPEC = "do/buildspec.yml"
ALWAYS = ("Dockerfile", ".dockerignore", BUILDSPEC)
NO_TIME = (1980, 1, 1, 0, 0, 0)  # the same files give the same archive


class Pattern(NamedTuple):
    """A line of .dockerignore: it excludes the paths that it matches, or with `!` includes them."""

    expression: re.Pattern[str]
    seen: bool


def write_archive(root: Path, target: IO[bytes]) -> None:
    """Write the source files in the directory `root` to `target`, with their modes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files(root):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), NO_TIME)
            executable = path.stat().st_mode & stat.S_IXUSR
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as inside, path.open("rb") as outside:
                while part := outside.read(1 << 20):
                    inside.write(part)


def files(root: Path) -> list[Path]:
    """Return the files in `root` that are not excluded, and those that are always included."""
    ignored = root / ".dockerignore"
    patterns = parsed(ignored.read_text("utf-8-sig")) if ignored.exists() else []
    always = [root / name for name in ALWAYS if (root / name).exists()]
    return sorted({*always, *_seen(root, root, patterns, [False] * len(patterns))})


def parsed(text: str) -> list[Pattern]:
    """Return the patterns of a .dockerignore."""
    patterns = []
    for line in text.splitlines():
        pattern = line.strip()
        if line.startswith("#") or not pattern:
            continue
        seen = pattern.startswith("!")
        pattern = posixpath.normpath(pattern.removeprefix("!").strip() or ".").lstrip("/")
        patterns.append(Pattern(re.compile(_expression(pattern), re.DOTALL), seen))
    return patterns


def _seen(root: Path, folder: Path, patterns: list[Pattern], matched_above: list[bool]) -> Iterator[Path]:
    """Yield the included files; `matched_above` has the patterns that match a parent directory."""
    for path in sorted(folder.iterdir()):
        name, ignored, matched = path.relative_to(root).as_posix(), False, list(matched_above)
        for place, pattern in enumerate(patterns):
            # Like Docker: a pattern that would change nothing is neither tried nor inherited.
            if not matched[place] and pattern.seen == ignored:
                matched[place] = bool(pattern.expression.fullmatch(name))
            if matched[place]:
                ignored = not pattern.seen
        if path.is_dir():
            if not path.is_symlink():
                yield from _seen(root, path, patterns, matched)
        elif not ignored and path.is_file():
            yield path


def _expression(pattern: str) -> str:
    """Return a regular expression for a pattern: `*` within a name, `**` over many, `?`, `[a-z]`, `\\`."""
    parts = []
    tokens = iter(re.findall(r"\*\*/?|\\.|\[|\]|.", pattern, re.DOTALL))
    rest = len(pattern)
    for token in tokens:
        rest -= len(token)
        if token.startswith("**"):
            parts.append("(?:.*/)?" if rest else ".*")
        elif token == "*":
            parts.append("[^/]*")
        elif token == "?":
            parts.append("[^/]")
        elif token in "[]-^":
            parts.append(token)
        else:
            parts.append(re.escape(token[-1]))
    return "".join(parts)
