"""A model that the libraries cannot serve, and a Python without wheels, are refused first."""

import argparse
import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, Render
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME, imported
from tests.lifecycle.conftest import copied
from tests.lifecycle.projects import StubbedProject

NEWER = REPOSITORY / "tests" / "data" / "models" / "sklearn-1.9.1.joblib"


@pytest.fixture
def project(rendered: Path, aws: FakeAws, tmp_path: Path) -> StubbedProject:
    """Return a project with the model of another version of scikit-learn."""
    folder = copied(rendered, tmp_path / NAME)
    shutil.copy(NEWER, folder / "model" / "model.pkl")
    return StubbedProject(folder, aws)


def test_no_image_is_built_for_a_model_of_another_version(project: StubbedProject) -> None:
    done = project.do("build")
    assert done.code == 3 and "unsuitable-model" in done.err
    assert (
        "saved by scikit-learn 1.9.1. Version 1.7.1 might fail" in done.err
        and "framework_version" in done.err
    )
    assert not [call for call in project.engine_calls if call[0] == "build"]


def test_it_is_not_served_and_no_environment_is_made_for_it(project: StubbedProject) -> None:
    assert "unsuitable-model" in project.do("run", "--local").err
    elsewhere = project.path / "elsewhere"
    (project.path / "model").rename(elsewhere)
    (project.path / "model").mkdir()
    for options in (["--local"], []):
        done = project.do("run", *options, "--model-dir", str(elsewhere))
        assert done.code == 3 and "unsuitable-model" in done.err
    assert not (project.path / ".venv-model").exists()


def test_the_pins_that_count_are_those_of_requirements_txt(project: StubbedProject) -> None:
    requirements = project.path / "requirements.txt"
    requirements.write_text(requirements.read_text().replace("scikit-learn==1.7.1", "scikit-learn==1.9.0"))
    done = project.do("build")
    assert done.code == 0 and "Version 1.9.0 serves it" in done.err


def test_examples_are_those_of_the_model_they_were_written_with(
    rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(rendered, tmp_path / NAME)
    given, row = argparse.Namespace(data=None), {"age": 44, "city": "Graz"}
    with imported(folder, "predictive.requests") as lifecycle:
        requests = lifecycle.predictive.requests
        (known,) = requests.chosen(given, {})
        assert known.truth == (9,) and len(json.loads(known.body)["instances"]) == 1
        known = dataclasses.replace(known, response={"predictions": [9.1]})
        requests._compare(requests.Answer(200, b'{"predictions": [[9.1]]}'), known)
        with pytest.raises(lifecycle.project.Failure) as refused:
            requests._compare(requests.Answer(200, b'{"predictions": [9.2]}'), known)
        assert "response.predictions[0] is 9.2, not 9.1" in str(refused.value)
        shutil.copy(NEWER, folder / "model" / "model.pkl")
        (derived,) = requests.chosen(given, {"example": row, "row_shape": [2]})
        assert json.loads(derived.body) == {"instances": [row]}
        assert "no examples of this model" in capsys.readouterr().err
        with pytest.raises(lifecycle.project.Failure) as refused:  # no zeros
            requests.chosen(given, {"row_shape": [2]})
        assert "no example of this model; a row has shape [2]" in str(refused.value)
        examples = folder / "model" / "examples.json"
        examples.write_text('{"instances": [[1, NaN]]}')  # of a team: a body as a client sends it
        (own,) = requests.chosen(given, {})
        assert own.body == b'{"instances": [[1, null]]}' and own.response is None
        examples.write_text('[{"request": "1,2", "content_type": "text/csv"}, {"file": "examples.json"}]')
        assert [example.body[:3] for example in requests.chosen(given, {})] == [b"1,2", b'[{"']
        for wrong in (
            '[{"request": 1, "file": "x"}]',
            '[{"file": "../README.md"}]',
            "{",
            '[{"file": 1, "a": 2}]',
        ):
            examples.write_text(wrong)
            with pytest.raises(lifecycle.project.Failure) as refused:
                requests.chosen(given, {})
            assert refused.value.finding.id == "invalid-examples", wrong
    for name in [name for name in sys.modules if name.partition(".")[0] == "runtime"]:
        del sys.modules[name]


def test_the_python_that_suits_is_found(
    render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, programs = render(), tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    with imported(project, "environment", "project") as lifecycle:
        choose, pins = lifecycle.environment.suitable_python, project / "requirements.txt"
        assert choose(None, pins, ()) == choose(None, pins, (running,)) == sys.executable
        with pytest.raises(lifecycle.project.Failure) as refused:
            choose(None, pins, ("3.98", "3.99"))
        assert refused.value.finding.id == "unsuitable-python"
        assert "Python 3.98, 3.99" in str(refused.value) and "put python3.99 on PATH" in str(refused.value)
        assert choose("/bin/uv", pins, ("3.98", "3.99")) == "3.99"
        for version, status in (
            ("3.98", 0),
            ("3.99", 127),
        ):  # like pyenv's launchers of versions that are not selected
            program = programs / f"python{version}"
            program.write_text(f"#!/bin/sh\nexit {status}\n")
            program.chmod(0o755)
        assert choose("/bin/uv", pins, ("3.98", "3.99")) == str(programs / "python3.98")


def test_nothing_is_installed_with_a_python_that_does_not_suit(rendered: Path, tmp_path: Path) -> None:
    folder = copied(rendered, tmp_path / NAME)
    chosen = folder / "do" / "lifecycle" / "chosen.py"
    chosen.write_text(chosen.read_text().replace('"3.11", "3.12", "3.13"', '"3.99",'))
    empty = tmp_path / "empty"
    empty.mkdir()
    command = [sys.executable, "do/run", "--local"]
    done = subprocess.run(command, cwd=folder, env={"PATH": str(empty)}, capture_output=True, text=True)
    assert done.returncode == 3 and "unsuitable-python" in done.stderr
    assert not (folder / ".venv-model").exists()
