# Part of the library: `copier update` replaces this file.
"""Whether the base image in the Dockerfile loads the model, and its published vulnerabilities."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lifecycle import dockerfile
from lifecycle.project import (
    ERROR,
    NOT_CHECKED,
    OK,
    PRECONDITION,
    PROJECT,
    WARNING,
    Failure,
    Finding,
    finding,
    read_toml,
)

TABLE = Path(__file__).with_name("base_images.toml")
CHOOSE = "copier update --trust -d base_image="


def findings() -> Iterator[Finding]:
    """Yield whether the base image loads the model, and the vulnerabilities of what is in it."""
    image, table = base_image().partition("@")[0], read_toml(TABLE)
    entry = next((row for row in table["images"] if row["image"] == image), None)
    if entry is None or entry["outcome"] == "unknown":
        seen = f"{image} is not among the known images"
        yield finding("base-image", NOT_CHECKED, "base image", seen)
        return
    versions = ", ".join(f"{name} {version}" for name, version in entry["engines"].items())
    if entry["outcome"] == "works":
        yield finding("base-image", OK, "base image", f"{image} ({versions})")
    else:
        refused = entry["outcome"] == "refuse"
        what = "the base image cannot load the model" if refused else "base image"
        instead = entry.get("instead")
        next_step = f"{CHOOSE}{instead}" if instead and instead != image else ""
        yield finding("base-image", ERROR if refused else WARNING, what, entry["reason"], next_step)
    yield from vulnerabilities(entry["engines"], table["vulnerabilities"])


def require() -> None:
    """Raise Failure if the base image is known not to load the model."""
    for found in findings():
        if found.severity == ERROR:
            raise Failure(PRECONDITION, found.id, found.what, found.seen, found.next)


def vulnerabilities(engines: dict[str, str], known: list[dict[str, Any]]) -> Iterator[Finding]:
    """Yield a warning for each engine with vulnerabilities that a caller or a hostile model can exploit.

    Those that need a route or a mode that the project keeps closed are only counted.
    """
    for engine, version in engines.items():
        mine = [row for row in known if row["engine"] == engine and affects(row, version)]
        open_ones = [row for row in mine if not row["closed"]]
        if not open_ones:
            continue
        fixed = max((row["before"] for row in open_ones), key=key)
        count = sum(len(row["ids"]) for row in open_ones)
        closed = sum(len(row["ids"]) for row in mine) - count
        seen = f"{count}, and {closed} that need what is closed here" if closed else str(count)
        listed = "\n".join(f"{name}: {row['what']}" for row in open_ones for name in row["ids"])
        what = f"{open_ones[0]['title']} {version}, published vulnerabilities"
        next_step = f"fixed in {fixed}: {CHOOSE}IMAGE"
        yield Finding(f"vulnerabilities-{engine}", WARNING, what, seen, next_step, listed)


def affects(row: dict[str, Any], version: str) -> bool:
    """Return whether a version has a vulnerability."""
    return key(row["since"]) <= key(version) < key(row["before"])


def key(version: str) -> tuple[int, ...]:
    """Return a version as numbers to compare."""
    return tuple(int(number) for number in re.findall(r"[0-9]+", version.partition("post")[0])[:3])


def base_image() -> str:
    """Return the image that the Dockerfile starts from."""
    return next(iter(dockerfile.images((PROJECT / "Dockerfile").read_text("utf-8"))), "")
