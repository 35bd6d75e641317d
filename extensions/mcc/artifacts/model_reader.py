"""The facts that a model's file states, read without running it.

The file is data here: nothing is imported for it or called by it, and size, time and memory are bounded.
"""

import io
import json
import mmap
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from . import pickles, xgboost_files
from .artifact_facts import (
    HDF5,
    KERAS,
    SAVED_MODEL,
    XGBOOST,
    XGBOOST_BINARY,
    XGBOOST_JSON,
    XGBOOST_UBJ,
    Artifact,
    NotUnderstood,
)
from .streams import COMPRESSED, HEAD_BYTES, TEXT_BYTES, Stream, Zlib

MEMBER_BYTES = 1_000_000  # of a file within a zip archive
DIRECTORY_BYTES = 4_000_000  # of a zip archive's list of files
ZIP_END = re.compile(rb"PK\x06\x06.{36}(.{8})|PK\x05\x06.{8}(.{4})", re.DOTALL)  # the size of that list
KERAS_VERSION = re.compile(rb"(?<![0-9.])[23]\.\d{1,3}\.\d{1,3}(?![0-9])")


def look(path: Path) -> Artifact:
    """Return the facts in the model at `path`. Raise OSError if it cannot be read."""
    if path.is_dir():
        return Artifact(SAVED_MODEL) if (path / "saved_model.pb").is_file() else Artifact()
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        try:
            return _of_head(path, file, head)
        except NotUnderstood:
            return Artifact()


def _of_head(path: Path, file: BinaryIO, head: bytes) -> Artifact:
    """Return the facts in a file that begins with `head`."""
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _hdf5(file)
    if head.startswith(b"PK\x03\x04"):
        return _keras(path)
    if head.startswith(b"binf"):
        major, minor = (int.from_bytes(head[at : at + 4], "little") for at in (24, 28))
        version = f"{major}.{minor}" if major < 4 and minor < 100 and major + minor else ""
        return Artifact(XGBOOST_BINARY, XGBOOST, version)
    if kind := xgboost_files.kind_of(head):
        return _xgboost(path, XGBOOST_UBJ if kind == xgboost_files.UBJSON else XGBOOST_JSON)
    with pickle_in(path, file, head) as stream:
        return pickles.read(stream) if stream else Artifact()


@contextmanager
def pickle_in(path: Path, file: BinaryIO, head: bytes) -> Iterator[Stream | None]:
    """Open the pickle in a file that begins with `head`, compressed or not; None for other files."""
    for magic, opened in COMPRESSED.items():
        if head.startswith(magic):
            with opened(path, "rb") as unpacked:
                yield Stream(unpacked, None)
            return
    file.seek(0)
    if head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0:
        yield Stream(io.BufferedReader(Zlib(file), HEAD_BYTES), None)
    elif head[:1] in (b"(", b"c") or (head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5")):
        yield Stream(file, path.stat().st_size)
    else:
        yield None


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip archive. Raise NotUnderstood if it is damaged, or lists more than a model's has."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(max(0, size - HEAD_BYTES))
            tail = file.read()
        for found in ZIP_END.finditer(tail):
            if int.from_bytes(found[1] or found[2], "little") > DIRECTORY_BYTES and found[2] != b"\xff" * 4:
                raise NotUnderstood
        return zipfile.ZipFile(path)
    except (OSError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        raise NotUnderstood from None


def _xgboost(path: Path, kind: str) -> Artifact:
    found = xgboost_files.read(path)
    multi, gamma = found.is_multi_output, found.is_gamma
    return Artifact(kind, XGBOOST, found.version, is_multi_output=multi, is_gamma=gamma)


def _keras(path: Path) -> Artifact:
    try:
        with open_zip(path) as archive:
            if not {"metadata.json", "config.json"} <= set(archive.namelist()):
                return Artifact()
            with archive.open("metadata.json") as member:
                version = json.loads(member.read(MEMBER_BYTES)).get("keras_version")
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError, zipfile.BadZipFile, zlib.error):
        raise NotUnderstood from None
    return Artifact(KERAS, "keras", version if isinstance(version, str) else "")


def _hdf5(file: BinaryIO) -> Artifact:
    """Find Keras' version next to the model's configuration, both of which are plain text in the file."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        at = mapped.find(b'{"class_name"')
        if at < 0:
            return Artifact(HDF5, "keras", has_model=mapped.find(b"layer_names") < 0)
        found = KERAS_VERSION.findall(mapped[max(0, at - TEXT_BYTES) : at])
    return Artifact(HDF5, "keras", found[-1].decode() if found else "")
