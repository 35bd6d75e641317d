"""The facts in a model's file are read without running it and determine the versions that can serve it."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import random
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extensions.mcc.artifacts import artifacts
from extensions.mcc.artifacts.artifacts import Artifact

MODELS = Path(__file__).resolve().parent.parent / "data" / "models"
SECONDS = 20  # twice three are allowed; this machine may be busy
STATED: dict[str, dict[str, Any]] = {
    "sklearn-1.2.2.pkl": {"library": "scikit-learn", "version": "1.2.2", "needs_numpy": ()},
    "sklearn-1.5.2.pkl": {"library": "scikit-learn", "version": "1.5.2", "needs_numpy": (2,)},
    "sklearn-1.4.2.joblib": {"version": "1.4.2", "root": "sklearn.pipeline.Pipeline", "complete": True},
    "sklearn-1.9.1.joblib": {"version": "1.9.1", "root": "sklearn.pipeline.Pipeline", "complete": True},
    "xgboost-3.4.1.json": {"kind": "XGBoost JSON", "version": "3.4.1", "is_multi_output": False},
    "xgboost-3.4.1.ubj": {"kind": "XGBoost UBJSON", "version": "3.4.1", "is_multi_output": False},
    "xgboost-1.7.6.model": {"kind": "old XGBoost binary", "version": "1.7"},
    "xgboost-2.1.3.pkl": {"library": "xgboost", "version": "2.1.3", "root": "xgboost.core.Booster"},
    "xgboost-2.1.3-multi-output.json": {"version": "2.1.3", "is_multi_output": True},
    "xgboost-2.1.3-multi-output.ubj": {"version": "2.1.3", "is_multi_output": True},
    "xgboost-2.0.3-gamma.json": {"version": "2.0.3", "is_gamma": True},
    "lightgbm-4.5.0.pkl": {"library": "lightgbm", "version": "", "root": "lightgbm.sklearn.LGBMClassifier"},
    "keras-2.15.0.h5": {"library": "keras", "version": "2.15.0", "has_model": True},
    "weights.h5": {"library": "keras", "has_model": False},
}
JUDGED = [  # a model, installed versions, the message, or "" if it is served
    (
        "sklearn-1.9.1.joblib",
        {"scikit-learn": "1.7.1"},
        "saved by scikit-learn 1.9.1. Version 1.7.1 might fail",
    ),
    (
        "sklearn-1.4.2.joblib",
        {"scikit-learn": "1.5.2"},
        "saved by scikit-learn 1.4.2. Version 1.5.2 might fail",
    ),
    ("sklearn-1.4.2.joblib", {"scikit-learn": "1.4.0", "numpy": "2.4.6"}, ""),
    ("sklearn-1.2.2.pkl", {"scikit-learn": "1.2.1"}, "saved by scikit-learn 1.2.2. Version 1.2.1 might fail"),
    ("sklearn-1.2.2.pkl", {"scikit-learn": "1.2.2", "numpy": "1.24.2"}, ""),
    (
        "sklearn-1.5.2.pkl",
        {"scikit-learn": "1.5.2", "numpy": "1.26.4"},
        "saved with NumPy 2. NumPy 1.26.4",
    ),
    ("sklearn-1.5.2.pkl", {"scikit-learn": "1.5.2", "numpy": "2.4.6"}, ""),
    (
        "xgboost-3.4.1.json",
        {"xgboost": "3.4.0"},
        "saved by XGBoost 3.4.1. The older version 3.4.0 loads it without",
    ),
    ("xgboost-3.4.1.ubj", {"xgboost": "2.1.3"}, "wrong predictions"),
    ("xgboost-3.4.1.ubj", {"xgboost": "3.10.0"}, ""),
    ("xgboost-1.7.6.model", {"xgboost": "3.0.5"}, ""),
    ("xgboost-1.7.6.model", {"xgboost": "3.1.0"}, "old binary format"),
    ("xgboost-2.1.3-multi-output.json", {"xgboost": "3.1.3"}, ""),
    ("xgboost-2.1.3-multi-output.ubj", {"xgboost": "3.2.0"}, "multi-output trees"),
    ("xgboost-2.0.3-gamma.json", {"xgboost": "2.1.3"}, "reg:gamma"),
    ("xgboost-2.0.3-gamma.json", {"xgboost": "2.0.3"}, ""),
    ("xgboost-2.0.3-gamma.json", {"xgboost": "3.1.3"}, ""),
    (
        "xgboost-2.1.3.pkl",
        {"scikit-learn": "1.5.2"},
        "a pickled Booster of XGBoost 2.1.3, but XGBoost is not",
    ),
    ("lightgbm-4.5.0.pkl", {"lightgbm": "4.7.0", "scikit-learn": "1.9.1"}, ""),
    ("lightgbm-4.5.0.pkl", {"scikit-learn": "1.7.1"}, "a pickled LGBMClassifier of LightGBM, which is not"),
    ("keras-2.15.0.h5", {"keras": "3.15.1"}, "saved by Keras 2.15.0"),
    ("keras-2.15.0.h5", {"keras": "3.15.1", "tf-keras": "2.20.1"}, ""),
    ("keras-2.15.0.h5", {}, ""),
    ("weights.h5", {"keras": "3.15.1"}, "only weights"),
]


def test_every_model_of_the_folder_is_tried() -> None:
    assert {path.name for path in MODELS.iterdir() if path.suffix != ".py"} == set(STATED)


@pytest.mark.parametrize("name", STATED)
def test_what_a_file_states(name: str) -> None:
    found = artifacts.look(MODELS / name)
    assert {fact: getattr(found, fact) for fact in STATED[name]} == STATED[name]


@pytest.mark.parametrize(("name", "installed", "refusal"), JUDGED)
def test_which_versions_serve_it(name: str, installed: dict[str, str], refusal: str) -> None:
    verdict = artifacts.judge(artifacts.look(MODELS / name), name, installed)
    assert refusal in verdict.problem and bool(refusal) == bool(verdict.problem)
    if refusal:
        assert verdict.fix and len(f"{verdict.problem} {verdict.fix}") < 300, (
            "the server cuts longer ones off"
        )
        with pytest.raises(artifacts.Unsuitable, match=r"scikit-learn|XGBoost|LightGBM|Keras|weights|NumPy"):
            artifacts.require(MODELS / name, installed)


def test_another_patch_release_is_warned_of() -> None:
    path = MODELS / "sklearn-1.9.1.joblib"
    assert artifacts.require(path, {"scikit-learn": "1.9.0"}) != ""
    assert artifacts.require(path, {"scikit-learn": "1.9.1"}) == ""


@pytest.mark.parametrize(
    ("version", "problem", "warning"), [("1.6.1", True, False), ("1.7.2", False, True), ("0.18", True, False)]
)
def test_the_warning_of_scikit_learn_decides_as_the_file_does(
    version: str, problem: bool, warning: bool
) -> None:
    text = (
        f"Trying to unpickle estimator Ridge from version {version} when using version 1.7.1. This might lead"
    )
    verdict = artifacts.judge_warning(text, "model.pkl", {"scikit-learn": "1.7.1"})
    assert (bool(verdict.problem), bool(verdict.warning)) == (problem, warning)
    assert artifacts.judge_warning("something else", "model.pkl", {}) == artifacts.Verdict()


@pytest.mark.parametrize(
    ("name", "called", "told"),
    [
        ("xgboost-1.7.6.model", "model.ubj", "Rename the file to end in .model (model_format=model)"),
        ("xgboost-3.4.1.json", "model.ubj", "Rename the file to end in .json (model_format=json)"),
        ("xgboost-2.1.3.pkl", "model.model", 'with XGBoost 2.1.3, call its save_model("model.json")'),
        ("keras-2.15.0.h5", "model.keras", "Rename the file to end in .h5"),
    ],
)
def test_a_file_that_is_not_what_its_ending_says(name: str, called: str, told: str) -> None:
    verdict = artifacts.judge(artifacts.look(MODELS / name), called, {"xgboost": "2.1.3", "keras": "3.15.1"})
    assert verdict.problem.startswith(called) and told in verdict.fix


def test_a_keras_archive_newer_than_the_library(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.16.0"}))
        archive.writestr("config.json", "{}")
    assert artifacts.look(path) == Artifact("Keras archive", "keras", "3.16.0")
    with pytest.raises(artifacts.Unsuitable, match=r"is newer than Keras 3\.15\.1"):
        artifacts.require(path, {"keras": "3.15.1"})
    assert artifacts.require(path, {"keras": "3.16.0"}) == ""


def test_a_saved_model_is_read_by_all(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert artifacts.require(tmp_path, {"keras": "3.15.1"}) == ""


class Evil:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_run(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Evil(f"touch {tmp_path}/run"), protocol))
    found = artifacts.look(path)
    assert (found.kind, found.root) == ("pickle", f"{os.system.__module__}.system")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("compress", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_compressed_pickles_state_the_same(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(compress((MODELS / "sklearn-1.9.1.joblib").read_bytes()))
    assert artifacts.look(path) == artifacts.look(MODELS / "sklearn-1.9.1.joblib")


def seconds_to_look(path: Path) -> float:
    started = time.monotonic()
    assert isinstance(artifacts.look(path), Artifact)
    return time.monotonic() - started


@pytest.mark.parametrize("name", STATED)
def test_a_file_that_is_cut_off_is_no_error(tmp_path: Path, name: str) -> None:
    whole = (MODELS / name).read_bytes()
    path = tmp_path / name
    for end in range(0, len(whole), 97):
        path.write_bytes(whole[:end])
        assert seconds_to_look(path) < SECONDS


def test_damaged_bytes_are_no_error(tmp_path: Path) -> None:
    chance, path = random.Random(0), tmp_path / "model.pkl"
    for name in STATED:
        whole = bytearray((MODELS / name).read_bytes())
        for _ in range(40):
            for _ in range(8):
                whole[chance.randrange(2, len(whole))] = chance.randrange(256)
            path.write_bytes(whole)
            assert seconds_to_look(path) < SECONDS
    for start in (
        b"\x80\x04",
        b"{L" + bytes(7),
        b'{"learner"',
        b"PK\x03\x04",
        b"\x89HDF\r\n\x1a\n",
        b"\x78\x9c",
        b"binf",
    ):
        path.write_bytes(start + chance.randbytes(100_000))
        assert seconds_to_look(path) < SECONDS


def zip_bomb() -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", b" " * 300_000_000)
        archive.writestr("config.json", "{}")
    return whole.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"(" * 10_000_000,
        b"\x80\x04" + b"(" * 10_000_000,
        b"\x80\x04" + b"]" * 5_000_000 + b"\x85" * 5_000_000,
        b"\x80\x04B" + struct.pack("<I", 2**32 - 1) + b"x",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x",
        b"\x80\x04\x8d" + struct.pack("<Q", 2**63) + b"x",
        zlib.compress(b"\x80\x04B" + struct.pack("<I", 2**32 - 1) + bytes(300_000_000)),
        gzip.compress(bytes(300_000_000)),
        zip_bomb(),
    ],
    ids=[
        "marks",
        "marks-4",
        "nested",
        "claims-4-gb",
        "claims-exabytes",
        "claims-text",
        "zlib",
        "gzip",
        "zip",
    ],
)
def test_a_hostile_file_costs_little(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    assert seconds_to_look(path) < SECONDS


def test_a_digest_is_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"1")
    first = artifacts.digest(tmp_path)
    (tmp_path / "a" / "b").rename(tmp_path / "a" / "c")
    assert artifacts.digest(tmp_path) != first != artifacts.digest(tmp_path / "a" / "c")


def test_versions_of_a_requirements_file() -> None:
    lines = ["# comment", "xgboost-cpu==3.4.1 ; sys_platform == 'linux'", "Numpy==2.4.6", "numpy-x>=1", ""]
    assert artifacts.pinned(lines) == {"xgboost": "3.4.1", "numpy": "2.4.6"}


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (b"S'MT19937'\ncnumpy.random._pickle\n__bit_generator_ctor\n", (1, 24)),
        (b"S'MT19937'\n", ()),
        (b"cnumpy.random._mt19937\nMT19937\n", (2,)),
    ],
)
def test_a_random_generator_states_its_numpy(
    tmp_path: Path, arguments: bytes, needed: tuple[int, ...]
) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02cnumpy.random._pickle\n__randomstate_ctor\n(" + arguments + b"tR.")
    assert artifacts.look(path).needs_numpy == needed
