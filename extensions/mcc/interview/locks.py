"""The pins of a version that the catalog has no lock of: resolved once, and stored with the answers."""

import dataclasses
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

from ..artifacts import suitable
from ..catalog import catalog, wheel_hashes
from ..catalog.entries.predictive import Framework, Others, python_of_image
from ..errors.errors import CatalogError, InvalidAnswer
from ..sources import packages
from ..sources.packages import NotResolved

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
FIELDS = ("framework", "version", "as_of", "pythons", "requirements", "pandas", "hashes")  # of a stored lock
DAYS_AFTER = 8  # with 90, some libraries are given a numpy that they cannot be imported with
LATER_DAYS = 180  # tried, and then no day, where the model needs newer libraries than those of the first days
OLD_DAYS = 730
LISTED = 6
OF_FILES = ("keras", "tf-keras")  # packages whose version a model's file decides


def look_up(
    framework: str, version: str, model_path: str, with_pandas: bool, offline: bool
) -> dict[str, Any]:
    """Return the lock of a version to store, {} if the catalog has one or the version cannot be resolved.

    Its fields: the framework and version that it is for, the day that numeric libraries are of (`as_of`, ""
    for the newest), the versions of Python, the pins, those of pandas, and the SHA-256 of the wheels of all
    pins. Raise InvalidAnswer.
    """
    facts = catalog.frameworks()[framework]
    others = facts.resolvable(version)
    if others is None:
        return {}
    try:
        if offline:
            raise NotResolved("Other versions are not resolved offline.")
        needed = suitable.needed(framework, version, model_path)
        return dict(_resolved(framework, version, needed, with_pandas))
    except NotResolved as error:
        raise InvalidAnswer(
            f"framework_version: the catalog has no lock of {facts.title} {version}. {error} "
            f"Choose one of {_at_hand(facts)}."
        ) from None


def stale(lock: Mapping[str, Any], framework: str, version: str, with_pandas: bool) -> str:
    """Return 'stale' when a stored lock is of another version, lacks pandas, or is missing, else ''."""
    others = catalog.frameworks()[framework].resolvable(version)
    if not lock:
        return "stale" if others else ""
    if with_pandas and others and others.pandas and not lock.get("pandas"):
        return "stale"
    same = set(FIELDS) <= set(lock) and (lock["framework"], lock["version"]) == (framework, version)
    return "" if same else "stale"


def requirements(
    framework: str,
    version: str,
    server: str,
    model_format: str = "",
    with_pandas: bool = False,
    lock: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return everything that a project installs, as pins sorted by name.

    A web server's pin replaces the one that a stored lock has of the same package.
    """
    if not lock:
        return catalog.requirements(framework, version, server, model_format, with_pandas)
    own = [*lock["requirements"], *(lock["pandas"] if with_pandas else ())]
    by_name = {_name(pin): pin for pin in (*own, *catalog.web_servers()[server].requirements)}
    unused = catalog.frameworks()[framework].formats[model_format].unused if model_format else ()
    return [by_name[name] for name in sorted(by_name) if name not in unused]


def with_hashes(requirements: Sequence[str], lock: Mapping[str, Any] | None = None) -> list[str]:
    """Return pins as lines of a requirements file, each with the SHA-256 of its wheels.

    They are those of the catalog and of a stored lock. Raise CatalogError for a pin without a hash.
    """
    stored = lock["hashes"] if lock else {}
    hashes = {}
    for pin in map(packages.without_marker, requirements):
        hashes[pin] = sorted({*wheel_hashes.known().get(pin, ()), *stored.get(pin, ())})
        if not hashes[pin]:
            raise CatalogError(f"hashes.yml has no hash of {pin}: run catalog/refresh_hashes.py")
    return packages.with_hashes(requirements, hashes)


@dataclasses.dataclass(frozen=True)
class Direct:
    """The requirements of a project, without what they need; numeric libraries are of the day `as_of`.

    The packages in `unused` are left out of the pins, `overrides` replace what packages state about others.
    """

    lines: tuple[str, ...]
    as_of: str
    unused: tuple[str, ...]
    overrides: tuple[str, ...]


def direct(
    framework: str,
    version: str,
    server: str,
    model_format: str = "",
    with_pandas: bool = False,
    lock: Mapping[str, Any] | None = None,
) -> Direct:
    """Return the requirements that the pins of a project are resolved from."""
    facts = catalog.frameworks()[framework]
    known, others = facts.version(version), facts.resolvable(version)
    lines: list[str] = []
    as_of = lock["as_of"] if lock else ""
    if known:
        lines = [*known.direct, *(known.pandas.direct if with_pandas and known.pandas else ())]
        as_of = str(known.released + timedelta(DAYS_AFTER)) if known.released else ""
    elif others:
        lines = [*others.requirements(version), "numpy", *(others.pandas if with_pandas else ())]
        lines += [] if as_of else others.caps
        lines += [] if lock is None else _of_model(lock, lines)
    unused = facts.formats[model_format].unused if model_format else ()
    own = [line for line in lines if re.split(r"[^A-Za-z0-9._-]", line)[0] not in unused]
    overrides = others.overrides if others else ()
    return Direct((*own, *catalog.web_servers()[server].direct), as_of, facts.unused, overrides)


def pythons(framework: str, version: str, lock: Mapping[str, Any] | None = None) -> list[str]:
    """Return the versions of Python that a framework's version can be installed on, oldest first."""
    return list(lock["pythons"]) if lock else list(catalog.pythons(framework, version))


def image(framework: str, version: str, lock: Mapping[str, Any] | None = None) -> str:
    """Return the image that a predictive project is built from."""
    if not lock:
        return catalog.python_image(framework, version)
    return f"python:{python_of_image(lock['pythons'])}-slim"


@cache
def _resolved(framework: str, version: str, needed: tuple[str, ...], with_pandas: bool) -> Mapping[str, Any]:
    """Return the lock of a version for a model that needs some libraries. Raise NotResolved."""
    facts = catalog.frameworks()[framework]
    others = facts.resolvable(version)
    assert others is not None
    if not with_pandas:
        others = dataclasses.replace(others, pandas=())
    release = packages.release(others.package, version, PYTHONS)
    _report(facts, version, release)
    direct = [*others.requirements(version), *(needed or ("numpy",))]
    fitting = release.pythons or PYTHONS
    if not release.uploaded:
        return _lock(framework, version, direct, others, "", fitting)
    released = date.fromisoformat(release.uploaded)
    days = [str(released + timedelta(DAYS_AFTER))]
    days += [str(released + timedelta(LATER_DAYS)), ""] if needed else []
    for as_of in days[:-1]:
        try:
            return _lock(framework, version, direct, others, as_of, fitting)
        except NotResolved:
            continue  # a library had no such version at the time
    return _lock(framework, version, direct, others, days[-1], fitting)


def _lock(
    framework: str, version: str, direct: Sequence[str], others: Others, as_of: str, fitting: Sequence[str]
) -> Mapping[str, Any]:
    servers = [pin for server in catalog.web_servers().values() for pin in server.requirements]
    unused = catalog.frameworks()[framework].unused
    constraints = servers if as_of else [*servers, *others.caps]
    lock = packages.resolve(direct, constraints, unused, as_of, fitting, others.overrides)
    pandas: list[str] = []
    hashes = dict(lock.hashes)
    if others.pandas:
        below = [*servers, *lock.requirements]
        with_pandas = packages.resolve([*direct, *others.pandas], below, unused, "", lock.pythons)
        pandas = [pin for pin in with_pandas.requirements if pin not in lock.requirements]
        own = set(map(packages.without_marker, pandas))
        hashes |= {pin: digests for pin, digests in with_pandas.hashes.items() if pin in own}
    return {
        "framework": framework,
        "version": version,
        "as_of": as_of,
        "pythons": list(lock.pythons),
        "requirements": list(lock.requirements),
        "pandas": pandas,
        "hashes": {pin: list(digests) for pin, digests in hashes.items()},
    }


def _report(facts: Framework, version: str, release: packages.Release) -> None:
    """Print what is resolved, and a notice for an old release or for one whose day is unknown."""
    what = f"framework_version: the catalog has no lock of {facts.title} {version}; uv resolves one"
    if not release.uploaded:
        note = ". The index does not state the day of its release, so numpy can be too new: test the project."
    else:
        note = f", with numeric libraries of the time of its release ({release.uploaded})."
        if (date.today() - date.fromisoformat(release.uploaded)).days > OLD_DAYS:
            note += " It is older than two years: check it for known vulnerabilities."
    print(what + note, file=sys.stderr)


def _at_hand(facts: Framework) -> str:
    numbers = [version.number for version in facts.versions]
    more = f" and {len(numbers) - LISTED} others" if len(numbers) > LISTED else ""
    return ", ".join(numbers[:LISTED]) + more


def _name(pin: str) -> str:
    return pin.partition("==")[0]


def _of_model(lock: Mapping[str, Any], lines: Sequence[str]) -> list[str]:
    """Return the pins of Keras in a lock: those of the file, which nothing else requires in this version."""
    known = {line.partition("==")[0] for line in lines}
    return [pin for pin in lock["requirements"] if (name := _name(pin)) in OF_FILES and name not in known]
