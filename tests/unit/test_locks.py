"""A version that the catalog has no lock of: what is resolved, what is stored, and what is refused."""

import re
from pathlib import Path
from typing import Any

import pytest

from extensions.mcc.artifacts import suitable
from extensions.mcc.catalog import catalog, selected, wheel_hashes
from extensions.mcc.errors.errors import CatalogError, InvalidAnswer
from extensions.mcc.interview import answers, base_images, locks, stored
from extensions.mcc.sources import packages

MODELS = Path(__file__).parents[1] / "data" / "models"
WHEELS = ("3.11", "3.12", "3.13", "3.14")
LOCK = {
    "framework": "sklearn",
    "version": "1.5.1",
    "as_of": "2024-07-11",
    "pythons": ["3.11"],
    "requirements": ["numpy==2.0.0", "scikit-learn==1.5.1", "typing-extensions==4.0.0"],
    "pandas": ["pandas==2.3.3"],
    "hashes": {"numpy==2.0.0": ["0" * 64], "scikit-learn==1.5.1": ["1" * 64, "2" * 64]},
}


class Pins:
    """A list of pins that uv would resolve."""

    pythons = ("3.11", "3.12")
    requirements = ("numpy==2.0.0", "scikit-learn==1.5.1")
    hashes = LOCK["hashes"]


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Resolve without uv and network; return the calls."""
    calls: list[tuple[Any, ...]] = []

    def resolve(*arguments: Any) -> Any:
        calls.append(arguments)
        return Pins

    monkeypatch.setattr(packages, "resolve", resolve)
    monkeypatch.setattr(packages, "release", lambda *of: packages.Release("2024-07-03", ("3.11", "3.12")))
    locks._resolved.cache_clear()
    return calls


def wheel(name: str, day: str = "2024-07-03") -> dict[str, str]:
    """Return a file of an index."""
    return {"filename": name, "upload-time": f"{day}T08:00:00Z"} if day else {"filename": name}


def test_numeric_libraries_are_of_the_release_and_eight_days(resolved: list[Any]) -> None:
    found = locks.look_up("sklearn", "1.5.1", "", False, False)
    assert (found["as_of"], found["pandas"]) == ("2024-07-11", [])
    direct, constraints, *_, pythons, _ = resolved[0]
    assert direct == ["scikit-learn==1.5.1", "joblib==1.4.2", "numpy"]
    assert "flask==3.1.3" in constraints and "numpy<2" not in constraints and pythons == ("3.11", "3.12")
    assert not stored._problem("framework_lock", found)
    assert not locks.stale(found, "sklearn", "1.5.1", False)


def test_what_the_model_needs_is_newer_than_the_first_days(
    monkeypatch: pytest.MonkeyPatch, resolved: list[Any]
) -> None:
    model = str(MODELS / "sklearn-1.5.2.pkl")
    found = locks.look_up("sklearn", "1.5.1", model, False, False)
    assert resolved[0][0][-1] == "numpy>=2" and found["as_of"] == "2024-07-11"
    locks._resolved.cache_clear()
    tried: list[str] = []

    def resolve(direct: Any, constraints: Any, unused: Any, as_of: str, *more: Any) -> Any:
        tried.append(as_of)
        if as_of:
            raise packages.NotResolved("no such numpy.")
        return Pins

    monkeypatch.setattr(packages, "resolve", resolve)
    assert locks.look_up("sklearn", "1.5.1", model, False, False)["as_of"] == ""
    assert tried == ["2024-07-11", "2024-12-30", ""]


@pytest.mark.parametrize(
    ("file", "version", "needed"),
    [
        ("keras-2.15.0.h5", "2.17.1", ("tf-keras~=2.17.0",)),
        ("keras-2.15.0.h5", "2.15.1", ()),  # it has this Keras itself
        ("../inspected/own-layer.keras", "2.17.1", ("keras==3.15.1",)),
    ],
)
def test_the_file_decides_which_keras_reads_it(file: str, version: str, needed: tuple[str, ...]) -> None:
    assert suitable.needed("tensorflow", version, str(MODELS / file)) == needed


def test_a_tensorflow_with_keras_2_does_not_read_files_of_keras_3() -> None:
    problem = suitable.problem("tensorflow", "keras", str(MODELS / "../inspected/own-layer.keras"), "2.15.1")
    assert "is newer than Keras 2.15.0" in problem and "Choose framework_version=2." in problem
    assert not suitable.problem("tensorflow", "h5", str(MODELS / "keras-2.15.0.h5"), "2.15.1")


def test_do_lock_keeps_what_the_template_resolved(resolved: list[Any]) -> None:
    """The Keras of a file, and a limit that a library states but does not need, are in requirements.in."""
    old = locks.look_up("tensorflow", "2.13.1", "", False, False)
    assert resolved[0][-1] == ("typing-extensions>=4.8",)
    direct = locks.direct("tensorflow", "2.13.1", "http-fastapi", "h5", lock=old)
    assert direct.overrides == ("typing-extensions>=4.8",) and "keras==2.13.1" in direct.lines
    pins = ["keras==3.6.0", "numpy==1.26.4", "tf-keras==2.17.0"]
    lock = {**LOCK, "framework": "tensorflow", "version": "2.17.1", "requirements": pins, "pandas": []}
    lines = locks.direct("tensorflow", "2.17.1", "http-flask", "h5", lock=lock).lines
    assert {"keras==3.6.0", "tf-keras==2.17.0"} <= set(lines) and "numpy==1.26.4" not in lines


def test_pandas_is_added_where_the_project_has_it(resolved: list[Any]) -> None:
    found = locks.look_up("sklearn", "1.5.1", "", True, False)
    assert len(resolved) == 2 and "pandas<3" in resolved[1][0]
    assert locks.stale({**found, "pandas": []}, "sklearn", "1.5.1", True) == "stale"


def test_without_a_day_of_release_the_caps_apply(
    resolved: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages, "release", lambda *of: packages.Release())
    locks.look_up("catboost", "1.2.5", "", False, False)
    assert "numpy<2" in resolved[0][1] and resolved[0][3] == ""
    assert "does not state the day of its release" in capsys.readouterr().err


def test_a_version_with_a_lock_is_not_resolved(resolved: list[Any]) -> None:
    assert locks.look_up("sklearn", "1.5.2", "", False, False) == {}
    assert not resolved and not locks.stale({}, "sklearn", "1.5.2", True)


@pytest.mark.parametrize(
    ("offline", "reason"),
    [(True, "not resolved offline"), (False, r"not installed: pip install uv\.")],
    ids=["offline", "without-uv"],
)
def test_a_refusal_names_the_versions_at_hand(
    monkeypatch: pytest.MonkeyPatch, offline: bool, reason: str
) -> None:
    monkeypatch.setattr(packages, "_files", lambda package: [wheel("scikit_learn-1.5.1-cp311-cp311-x.whl")])
    monkeypatch.setattr(packages._of_project("predictive/resolver.py"), "find_uv", lambda: [])
    locks._resolved.cache_clear()
    with pytest.raises(
        InvalidAnswer, match=rf"no lock of scikit-learn 1\.5\.1.*{reason}.* Choose one of 1\.9\.1"
    ):
        locks.look_up("sklearn", "1.5.1", "", False, offline)


def test_a_version_is_stale_when_it_changes_or_is_damaged() -> None:
    assert not locks.stale(LOCK, "sklearn", "1.5.1", True)
    for other in ({**LOCK, "version": "1.5.0"}, {**LOCK, "framework": "xgboost"}, {"version": "1.5.1"}, {}):
        assert locks.stale(other, "sklearn", "1.5.1", False) == "stale"


def test_a_pin_of_the_web_server_replaces_that_of_the_lock() -> None:
    found = locks.requirements("sklearn", "1.5.1", "http-fastapi", "pkl", True, LOCK)
    assert "typing-extensions==4.16.0" in found and "typing-extensions==4.0.0" not in found
    assert {"scikit-learn==1.5.1", "pandas==2.3.3"} <= set(found) and found.index("numpy==2.0.0") > 0
    assert "pandas==2.3.3" not in locks.requirements("sklearn", "1.5.1", "http-flask", "pkl", False, LOCK)


def test_each_pin_has_the_hashes_of_the_catalog_and_of_the_lock() -> None:
    lines = locks.with_hashes(["numpy==2.0.0", "scikit-learn==1.5.1", "typing-extensions==4.16.0"], LOCK)
    assert lines[:2] == ["numpy==2.0.0 \\", f"    --hash=sha256:{'0' * 64}"]
    assert lines[2:5] == ["scikit-learn==1.5.1 \\", *_hashes("1" * 64, "2" * 64)]
    assert lines[5] == "typing-extensions==4.16.0 \\" and lines[6] == "    --hash=sha256:" + lines[6][-64:]
    with pytest.raises(CatalogError, match=r"no hash of numpy==9\.9: run catalog/refresh_hashes\.py"):
        locks.with_hashes(["numpy==9.9"])


def _hashes(*digests: str) -> list[str]:
    return [f"    --hash=sha256:{digests[0]} \\", f"    --hash=sha256:{digests[1]}"]


def test_the_catalog_has_the_hashes_of_its_pins_and_no_others() -> None:
    """PyTorch for CPUs is on an index of its own; tomli is in includes/tomli.dockerfile.jinja."""
    lists = [server.requirements for server in catalog.web_servers().values()]
    lists += [target.requirements for target in catalog.targets().values()]
    lists += [selected.load_generator(kind).requirements for kind in ("chat", "")]
    for facts in catalog.frameworks().values():
        for version in facts.versions:
            lists += [version.requirements, version.pandas.requirements if version.pandas else ()]
    for name, backend in catalog.triton().items():
        lists += [each.requirements for each in backend.environments.values() if name != "triton-pytorch"]
    pins = {packages.without_marker(pin) for pins in lists for pin in pins}
    assert set(wheel_hashes.known()) == {*pins, "tomli==2.5.0"}
    assert all(re.fullmatch("[0-9a-f]{64}", each) for own in wheel_hashes.known().values() for each in own)


def test_the_image_has_a_python_of_the_lock() -> None:
    assert base_images.default("http-flask", "", "sklearn", "1.5.1", lock=LOCK) == "python:3.11-slim"
    assert "need one of 3.11" in base_images.problem_for_version(
        "python:3.12-slim", "http-flask", "", "sklearn", "1.5.1", LOCK
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("requirements", ["-e git+https://example.com/x"]),
        ("requirements", ["numpy==2.0\n--index-url=https://example.com"]),
        ("pandas", "pandas==2"),
        ("pythons", ["3.11 /etc"]),
        ("pythons", []),
        ("as_of", "$(id)"),
        ("hashes", {"numpy==2.0.0": ["0" * 64 + "\nevil"]}),
        ("hashes", {"numpy==2.0.0 --index-url=x": ["0" * 64]}),
    ],
)
def test_a_stored_lock_has_nothing_but_pins(field: str, value: Any) -> None:
    assert stored._problem("framework_lock", LOCK) == ""
    assert f"framework_lock.{field}" in stored._problem("framework_lock", {**LOCK, field: value})


def test_an_exact_version_is_accepted_and_one_that_cannot_be_served_is_not() -> None:
    answers.check({"framework_version": "1.5.1"})
    answers.check({"framework": "catboost", "model_format": "cbm", "framework_version": "1.2.2"})
    for wrong in ("1.0.2", "1.5.x", ">=1.5", "latest"):
        with pytest.raises(InvalidAnswer, match="is not available"):
            answers.check({"framework_version": wrong})
    with pytest.raises(InvalidAnswer, match="computed by the template"):
        answers.check({"framework_lock": LOCK})


def test_a_release_states_its_day_and_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        wheel("x-1.0-cp311-cp311-manylinux.whl", "2024-02-02"),
        wheel("x-1.0-cp312-cp312-manylinux.whl", "2024-02-01"),
        wheel("x-1.0-2-cp39-abi3-win.whl", "2024-02-03"),
        wheel("x-2.0-py3-none-any.whl", ""),
        wheel("x-3.0-cp39-cp39-any.whl"),
    ]
    monkeypatch.setattr(packages, "_files", lambda package: files)
    assert packages.release("x", "1.0.0", ("3.11", "3.12")) == packages.Release(
        "2024-02-01", ("3.11", "3.12")
    )
    assert packages.release("x", "2.0", WHEELS) == packages.Release("", WHEELS)
    with pytest.raises(packages.NotResolved, match=r"has wheels for cp39, not for Python 3\.11"):
        packages.release("x", "3.0", WHEELS)
    with pytest.raises(packages.NotResolved, match=r"no wheels of x 4\.0"):
        packages.release("x", "4.0", WHEELS)
    monkeypatch.setattr(packages, "_files", lambda package: None)
    assert packages.release("x", "1.0", WHEELS) == packages.Release()
