"""The package index of this machine: when a version of a library was released, and pins for it by uv.

It runs no code of a package. The commands of a project resolve in the same way, with the same modules.
"""

import base64
import importlib.util
import json
import os
import re
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from lifecycle.predictive import resolver

LIFECYCLE = Path(__file__).resolve().parents[3] / "template" / "do" / "lifecycle"
SECONDS = 15.0  # of one resolution
INDEX_SECONDS = 5.0
LARGEST = 50_000_000  # bytes of an index page; that of a large project is 2 MB
JSON = "application/vnd.pypi.simple.v1+json"
WHEEL = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-[^-]+\.whl"
)


class NotResolved(Exception):
    """A version cannot be resolved here; the text is a sentence with the reason."""


@dataclass(frozen=True)
class Release:
    """A version of a library: its first upload (2024-09-11, "" if the index does not state it).

    `pythons` are the versions of Python that it has wheels for, None if the index does not state them.
    """

    uploaded: str = ""
    pythons: tuple[str, ...] | None = None


def release(package: str, version: str, pythons: Sequence[str]) -> Release:
    """Return the facts of a version from the index, for the `pythons` in question.

    Raise NotResolved if the index has no such version. An index without an answer in JSON states nothing.
    """
    files = _files(package)
    if files is None:
        return Release()
    own = [
        (wheel, file)
        for file in files
        if (wheel := WHEEL.fullmatch(str(file.get("filename", "")))) and _same(wheel["version"], version)
    ]
    if not own:
        raise NotResolved(f"The package index has no wheels of {package} {version}.")
    days = [str(file["upload-time"])[:10] for _, file in own if file.get("upload-time")]
    fitting = tuple(python for python in pythons if any(_runs_on(wheel, python) for wheel, _ in own))
    if not fitting:
        tags = sorted({wheel["python"] for wheel, _ in own})
        wanted = ", ".join(pythons)
        raise NotResolved(f"{package} {version} has wheels for {', '.join(tags)}, not for Python {wanted}.")
    return Release(min(days, default=""), fitting)


def resolve(
    direct: Sequence[str],
    constraints: Sequence[str],
    unused: Sequence[str],
    as_of: str,
    pythons: Sequence[str],
    overrides: Sequence[str] = (),
) -> "resolver.Lock":
    """Return the pins of requirements and all that they need. Raise NotResolved."""
    own: Any = _of_project("predictive/resolver.py")
    command = own.find_uv()
    if not command:
        raise NotResolved("uv, which resolves others, is not installed: pip install uv.")
    uv = own.Uv(command, _environment(), SECONDS)
    wanted = own.Wanted(direct, constraints, unused=unused, overrides=overrides, as_of=as_of)
    try:
        lock: resolver.Lock = own.resolve(uv, wanted, pythons)
    except own.Unresolved as error:
        raise NotResolved(f"uv does not resolve it: {_masked(str(error))[:400]}") from None
    return lock


def with_hashes(requirements: Sequence[str], hashes: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the lines of a requirements file with hashes, as do/lock writes them. `hashes` are by pin."""
    lines: list[str] = _of_project("predictive/resolver.py").with_hashes(requirements, hashes)
    return lines


def without_marker(requirement: str) -> str:
    """Return a pin without the platforms that it is for."""
    pin: str = _of_project("predictive/resolver.py").without_marker(requirement)
    return pin


def _same(version: str, other: str) -> bool:
    """Return whether two versions differ only in zeros at the end."""
    plain = [re.sub(r"(\.0)+$", "", text) for text in (version, other)]
    return plain[0] == plain[1]


def _runs_on(wheel: re.Match[str], python: str) -> bool:
    """Return whether a wheel can be installed on a version of Python, by its tags."""
    minor = int(python.partition(".")[2])
    for tag in wheel["python"].split("."):
        if tag == "py3" or tag == f"cp3{minor}":
            return True
        if wheel["abi"] == "abi3" and re.fullmatch(r"cp3\d+", tag) and int(tag[3:]) <= minor:
            return True
    return False


def _files(package: str) -> list[dict[str, Any]] | None:
    """Return the files of a package in the index, None if it does not list them as JSON."""
    environment = _environment()
    parts = urlsplit(_of_project("package_index.py").index_url(environment))
    if parts.scheme not in ("http", "https"):
        return None
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit((parts.scheme, host, f"{parts.path.rstrip('/')}/{quote(package)}/", "", ""))
    headers = {"Accept": JSON}
    if parts.username:
        given = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(given.encode()).decode()
    try:
        context = ssl.create_default_context(cafile=environment.get("SSL_CERT_FILE") or None)
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=INDEX_SECONDS, context=context) as answer:
            files = json.loads(answer.read(LARGEST)).get("files")
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise NotResolved(f"The package index at {host} has no {package}.") from None
        return None
    except urllib.error.URLError as error:
        raise NotResolved(f"The package index at {host} cannot be reached: {error.reason}.") from None
    except (OSError, ValueError, AttributeError):
        return None
    return [file for file in files if isinstance(file, dict)] if isinstance(files, list) else None


@cache
def _of_project(name: str) -> ModuleType:
    """Return a module of a project's commands, under a name of this checkout: an update loads several."""
    path = LIFECYCLE / name
    found = importlib.util.spec_from_file_location(f"mcc_project_{path.stem}_{abs(hash(path))}", path)
    assert found and found.loader
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # dataclasses look there
    found.loader.exec_module(module)
    return module


def _environment() -> Mapping[str, str]:
    environment: Mapping[str, str] = _of_project("package_index.py").for_uv(os.environ)
    return environment


def _masked(text: str) -> str:
    """Return a text without the credentials of addresses in it."""
    return re.sub(r"//[^/@\s]+@", "//***@", text)
