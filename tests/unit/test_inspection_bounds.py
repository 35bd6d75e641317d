"""Files that are damaged, hostile or huge: an answer within limits of time and memory, never a traceback."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import random
import resource
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from extensions.mcc.inspection import about, choices, inspector, view
from tests.conftest import REPOSITORY
from tests.model_files import field, onnx, tensor
from tests.unit.test_artifacts import Evil

INSPECTED = REPOSITORY / "tests" / "data" / "inspected"
SECONDS, MEBIBYTES = 10, 100  # 3 s are allowed; this machine may be busy
WHOLE = [path for path in sorted(INSPECTED.rglob("*")) if path.is_file() and path.suffix != ".py"]


def tried(path: Path) -> str:
    """Inspect a file, and return its text; check that it takes little time."""
    started = time.monotonic()
    found = inspector.inspect(path)
    json.dumps(about.facts(found))
    shown = view.text(view.Inspected(str(path), found, {"framework": "sklearn"}, found.problem))
    assert time.monotonic() - started < SECONDS
    lines = shown.splitlines()
    assert len(lines) <= 15 and all(len(line) <= 80 or str(path) in line for line in lines)
    return shown


def archive_of(content: bytes, kind: str) -> bytes:
    whole = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("schema.json", content)
        return whole.getvalue()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        entry = tarfile.TarInfo("model.joblib")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


@pytest.mark.parametrize("source", WHOLE, ids=lambda path: path.name)
def test_a_file_that_is_cut_off_or_damaged_is_no_error(tmp_path: Path, source: Path) -> None:
    whole, chance = source.read_bytes(), random.Random(source.name)
    path = tmp_path / source.name
    for end in range(0, len(whole), 97):
        path.write_bytes(whole[:end])
        inspector.inspect(path)
    for _ in range(8):
        noisy = bytearray(whole)
        for _ in range(8):
            noisy[chance.randrange(2, len(noisy))] = chance.randrange(256)
        path.write_bytes(noisy)
        tried(path)


def test_a_damaged_mlflow_directory_is_no_error(tmp_path: Path) -> None:
    text = (INSPECTED / "mlflow" / "MLmodel").read_bytes()
    for end in range(0, len(text), 97):
        (tmp_path / "MLmodel").write_bytes(text[:end])
        tried(tmp_path)
    for hostile in (b"a: " * 100, b"[" * 100_000, b"flavors: {sklearn: {pickled_model: ../../etc/passwd}}"):
        (tmp_path / "MLmodel").write_bytes(hostile)
        assert "Problem" in tried(tmp_path)


def test_random_bytes_after_each_start_are_no_error(tmp_path: Path) -> None:
    chance, path = random.Random(0), tmp_path / "model"
    starts = (b"", b"tree\n", b"CBM1", b"\x08\x08", b"PK\3\4", b"\x89HDF\r\n\x1a\n", b"\x1f\x8b\x08", b"BZh9")
    for start in (*starts, b"\x80\x04", b'{"learner"', b"{L" + bytes(7)):
        for _ in range(5):
            path.write_bytes(start + chance.randbytes(20_000))
            tried(path)


HUGE = 150_000_000  # bytes, more than the memory allowed
PAX = tarfile.TarInfo("x")
PAX.type, PAX.size = tarfile.XHDTYPE, HUGE


@pytest.mark.parametrize(
    "content",
    [
        lambda: gzip.compress(bytes(HUGE)),
        lambda: bz2.compress(bytes(HUGE)),
        lambda: lzma.compress(bytes(HUGE), preset=0),
        lambda: gzip.compress(archive_of(bytes(HUGE), "tar"), 1),
        lambda: gzip.compress(PAX.tobuf(tarfile.USTAR_FORMAT) + bytes(HUGE), 1),
        lambda: archive_of(b" " * HUGE, "zip"),
        lambda: archive_of(b"[" * 3_000_000, "zip"),
        lambda: b"tree\n" + b"feature_names=" + b"a " * 5_000_000,
        lambda: b"\x08\x08" + field(7, field(5, b"\x12\x00") * 3_000_000),
    ],
    ids=["gzip", "bz2", "xz", "tar", "pax", "zip", "nested", "wide", "onnx"],
)
def test_a_bomb_costs_little_time_and_memory(tmp_path: Path, content: object) -> None:
    path = tmp_path / "model"
    path.write_bytes(content())  # type: ignore[operator]
    code = f"import extensions.mcc.inspection.inspector as i, pathlib; i.inspect(pathlib.Path({str(path)!r}))"
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, preexec_fn=_limited)
    assert time.monotonic() - started < SECONDS


def _limited() -> None:
    """Let a process have as much memory as Python and 100 MiB."""
    limit = (MEBIBYTES + 120) << 20  # the address space of Python with the modules, about 120 MiB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


@pytest.mark.parametrize("wrap", ["plain", "gzip", "tar", "zip"])
def test_a_hostile_pickle_is_not_run(tmp_path: Path, wrap: str) -> None:
    raw = pickle.dumps(Evil(f"touch {tmp_path}/run"))
    wrapped = {"plain": raw, "gzip": gzip.compress(raw), "tar": archive_of(raw, "tar")}
    members = io.BytesIO()
    with zipfile.ZipFile(members, "w") as archive:
        archive.writestr("m/data.pkl", raw)
    (tmp_path / "model").write_bytes(wrapped.get(wrap, members.getvalue()))
    shown = tried(tmp_path / "model")
    assert "Problem" in shown and not (tmp_path / "run").exists()
    assert wrap == "zip" or "system when it is loaded" in shown


@pytest.mark.parametrize("name", ["../model.pkl", "/tmp/model.pkl", "a/../../b.pkl"])
def test_an_archive_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(INSPECTED / "main.pkl", "model.joblib")
        entry = tarfile.TarInfo(name)
        archive.addfile(entry, io.BytesIO())
    assert "is not safe to extract" in tried(tmp_path / "model.tar.gz")


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE):
        with tarfile.open(tmp_path / "model.tar", "w") as archive:
            entry = tarfile.TarInfo("model.pkl")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        assert "Problem" in tried(tmp_path / "model.tar") or kind == tarfile.GNUTYPE_SPARSE


def test_a_large_file_is_read_at_both_ends_only(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.write(onnx(tensor()) + b"\x7a\x80\x80\x80\x80\x04")  # a field of 1 GiB
        file.truncate(file.tell() + (1 << 30))
    tracemalloc.start()
    started = time.monotonic()
    found = choices.of(str(path))
    assert found and found.is_understood and time.monotonic() - started < SECONDS
    assert tracemalloc.get_traced_memory()[1] < MEBIBYTES << 20
    tracemalloc.stop()
