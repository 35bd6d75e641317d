"""The model is loaded in a process of its own, whose death is explained, and compared with about.json."""

import json
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.lifecycle.commands import NAME, imported
from tests.lifecycle.conftest import copied

SEGFAULT = "import os, signal\nos.kill(os.getpid(), signal.{})"
DATA = REPOSITORY / "tests" / "data" / "models"


@pytest.fixture
def lifecycle(rendered: Path, tmp_path: Path) -> Iterator[tuple[Path, Any]]:
    """Return a project and its commands."""
    folder = copied(rendered, tmp_path / NAME)
    with imported(folder, "predictive.inspect") as lifecycle:
        yield folder, lifecycle.predictive
    for name in [name for name in sys.modules if name.partition(".")[0] == "runtime"]:
        del sys.modules[name]


def load(folder: Path, predictive: Any, program: str, model: str = "model.pkl") -> Any:
    """Load with a program in place of the server's."""
    (folder / "serving" / "runtime" / "trial.py").write_text(program)
    return predictive.trial.load(Path(sys.executable), folder / "model", model)


@pytest.mark.parametrize(
    ("program", "model", "words"),
    [
        (
            SEGFAULT.format("SIGSEGV"),
            "model.pkl",
            ("signal 11, SIGSEGV", "states no known cause", "compare the"),
        ),
        (
            SEGFAULT.format("SIGKILL"),
            "model.pkl",
            ("signal 9, SIGKILL", "ran out of memory", "use more memory"),
        ),
        (
            SEGFAULT.format("SIGSEGV"),
            "xgboost-2.1.3-multi-output.json",
            ("multi-output trees of XGBoost 2.1.3", "use XGBoost 2.1.3, or retrain"),
        ),
        (SEGFAULT.format("SIGSEGV"), "by-value.pkl", ("another Python version", "use a base_image")),
    ],
    ids=["unknown", "memory", "multi-output", "by-value"],
)
def test_a_crash_is_explained_by_what_the_file_proves(
    lifecycle: tuple[Path, Any], program: str, model: str, words: tuple[str, ...]
) -> None:
    folder, predictive = lifecycle
    if model.startswith("xgboost"):
        (folder / "model" / model).write_bytes((DATA / model).read_bytes())
    by_value = b"\x80\x02ccloudpickle.cloudpickle\n_make_function\n(K\x01tR."
    (folder / "model" / "by-value.pkl").write_bytes(by_value)
    with pytest.raises(Exception, match="model-crashed") as failed:
        load(folder, predictive, program, model)
    assert all(word in str(failed.value) for word in words), str(failed.value)


def test_another_failure_shows_the_line_of_the_server(lifecycle: tuple[Path, Any]) -> None:
    program = (
        "import sys\nprint('serve: cannot load the model x: ValueError: odd', file=sys.stderr)\nsys.exit(3)"
    )
    with pytest.raises(Exception, match=r"model-not-loaded(.|\n)*ValueError: odd"):
        load(*lifecycle, program)


def test_the_process_has_no_credentials(lifecycle: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    found = load(*lifecycle, "import json, os\nprint(json.dumps(dict(os.environ)))")
    assert "AWS_SECRET_ACCESS_KEY" not in found and found["MODEL_DIR"].endswith("model")


def test_a_trial_is_made_where_the_environment_is_up_to_date(
    lifecycle: tuple[Path, Any], tmp_path: Path
) -> None:
    _, predictive = lifecycle
    pins, venv = tmp_path / "requirements.txt", tmp_path / "venv"
    pins.write_text("numpy==2.0\n")
    assert not predictive.trial.is_possible(venv, pins)
    venv.mkdir()
    (venv / "installed.txt").write_text("numpy==2.0\n")
    assert predictive.trial.is_possible(venv, pins)
    pins.write_text("numpy==2.1\n")
    assert not predictive.trial.is_possible(venv, pins)


@pytest.mark.parametrize("is_same", [True, False])
def test_the_facts_of_the_loaded_model_are_recorded(
    lifecycle: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch, is_same: bool
) -> None:
    folder, predictive = lifecycle
    model, about = folder / "model" / "model.pkl", folder / "model" / "about.json"
    model.write_bytes((DATA / "sklearn-1.5.2.pkl").read_bytes())
    before = {**predictive.inspect.recorded.of_file(model), "copied_from": "old.pkl"}
    about.write_text(json.dumps(before if is_same else {**before, "sha256": "0"}))
    loaded = {"model": "model.pkl", "row_shape": [2], "columns": [{"name": "age"}, {"name": "city"}]}
    (folder / "serving" / "runtime" / "trial.py").write_text(f"print({json.dumps(loaded)!r})")
    monkeypatch.setattr(predictive.local, "server_python", lambda: Path(sys.executable))
    result = predictive.inspect.run(None, None)
    assert "model.pkl: pickle, scikit-learn 1.5.2, rows [2], columns age, city" in result["text"]
    written = json.loads(about.read_text())
    assert written["loaded"] == {"row_shape": [2], "columns": loaded["columns"]}
    assert written["libraries"] == {"scikit-learn": "1.5.2"} and written["numpy"] == ">=2"
    assert ("copied_from" in written) == is_same and written["sha256"] == before["sha256"]


def test_a_replaced_model_is_reported_with_the_next_command(
    lifecycle: tuple[Path, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, predictive = lifecycle
    recorded, model = predictive.inspect.recorded, folder / "model" / "model.pkl"
    model.write_bytes((DATA / "sklearn-1.5.2.pkl").read_bytes())
    (folder / "model" / "about.json").write_text(json.dumps(recorded.of_file(model)))
    assert recorded.difference(model) == ""
    content = bytearray(model.read_bytes())
    content[-40] ^= 1
    model.write_bytes(content)
    assert recorded.difference(model) == "its content (sha256) is another one"
    assert recorded.difference(model, largest=10) == ""
    model.write_bytes((DATA / "sklearn-1.2.2.pkl").read_bytes())
    assert ", and scikit-learn 1.2.2 saved it, not 1.5.2" in recorded.difference(model)
    model.write_bytes(pickle.dumps({}))
    predictive.local.check_model(folder / "model")
    told = capsys.readouterr().err
    assert "model.pkl is not the model in about.json: it has" in told and "Next: do/inspect" in told
    (folder / "model" / "about.json").write_text("[")
    assert recorded.difference(model) == ""
