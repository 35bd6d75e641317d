"""Models that are given at copy time become the repository of a Triton project, or are rejected."""

import os
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import copier
import pytest

from tests.model_config import problems
from tests.serving.triton_projects import call, do, lend_environment, model_of, rendered, trained

FIL = "triton-fil"


def test_the_hook_after_a_copy_makes_the_repository_of_a_model_that_is_given(
    template: Path, tmp_path: Path
) -> None:
    """Like `copier copy -d model_path=…`: the project creates the environment with uv."""
    sample = model_of(trained(template, FIL, "json")) / "1" / "xgboost.json"
    model = tmp_path / "my model.json"
    shutil.copy(sample, model)
    data = {"deployment_config": FIL, "model_path": str(model)}
    copier.run_copy(str(template), tmp_path / "churn", data=data, defaults=True, unsafe=True, quiet=True)
    found = model_of(tmp_path / "churn")
    assert problems(found) == [] and found.name == "churn"
    assert (found / "1" / "xgboost.json").read_bytes() == model.read_bytes()
    assert not (tmp_path / "churn" / "sample_model").exists()


class Program:
    """An estimator whose pickle writes its environment variables to a file."""

    def __init__(self, seen: Path) -> None:
        self.seen = seen

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"env > {self.seen}",)


def test_a_model_that_is_a_program_does_not_run_during_a_copy_and_later_without_credentials(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"AWS_SECRET_ACCESS_KEY": "a-key", "HF_TOKEN": "a-token", "TF_VAR_password": "a-word"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SERVING_USER", "root")
    seen, model = tmp_path / "seen", tmp_path / "evil.pkl"
    model.write_bytes(pickle.dumps(SimpleNamespace(part=Program(seen))))
    data = {"deployment_config": "triton-python", "model_format": "pkl", "model_path": str(model)}
    project = tmp_path / "churn"
    copier.run_copy(str(template), project, data=data, defaults=True, unsafe=True, quiet=True)
    assert (project / "model_repository" / "churn" / "1" / "model.pkl").read_bytes() == model.read_bytes()
    assert not (project / ".venv-model").exists() and not seen.exists()

    lend_environment(project, "triton-python", "pkl")
    built = do(project, "build")
    assert built.returncode == 1 and "its number of features is unknown" in built.stderr
    assert not list((project / "model_repository").rglob("config.pbtxt"))
    names = dict(line.split("=", 1) for line in seen.read_text().splitlines() if "=" in line)
    assert names["SERVING_USER"] == "root" and "PATH" in names
    assert not {*secrets, "HOME"} & set(names), names


def test_a_model_copied_with_the_project_is_described_by_the_first_build(
    template: Path, tmp_path: Path
) -> None:
    sample = model_of(trained(template, "triton-python", "joblib")) / "1" / "model.joblib"
    data = {"deployment_config": "triton-python", "model_path": str(sample)}
    copier.run_copy(str(template), tmp_path / "churn", data=data, defaults=True, unsafe=True, quiet=True)
    project = tmp_path / "churn"
    assert not list(project.rglob("config.pbtxt"))
    lend_environment(project, "triton-python", "joblib")
    call(project, "prepare_build")
    assert problems(model_of(project)) == []


def test_a_link_that_leaves_a_saved_model_is_not_followed(template: Path, tmp_path: Path) -> None:
    project = rendered(template, tmp_path / "own", deployment_config="triton-tensorflow")
    (tmp_path / "saved" / "assets").mkdir(parents=True)
    (tmp_path / "saved" / "assets" / "words").symlink_to("/etc/hostname")
    refused = do(project, "repository", str(tmp_path / "saved"))
    assert refused.returncode == 3 and "is a link to /etc/hostname, outside" in refused.stderr
    assert "link-leaves" in refused.stderr and not list(project.glob("model_repository/*/1"))
