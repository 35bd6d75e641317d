"""Compiled pipelines answer as the pipelines themselves, and whatever scikit-learn changes, nothing else."""

import shutil
from pathlib import Path

import hypothesis
import pytest

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries
from tests.serving.test_tables import CHECKS, VERSIONS

# Of the cases in compiled_cases.py, which `make test-models` tries in full.
SOME = {
    "1.7.1": ("usual, logistic", "target inside", "ordinal, hist", "texts alone", "own function"),
    "1.9.1": ("categories", "extra trees", "linear SVC", "selected, ordinal", "voting"),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_random_requests_are_answered_as_by_the_pipeline(render: Render, version: str) -> None:
    project = render(framework="sklearn", framework_version=version, pandas=True)
    shutil.copytree(CHECKS, project / "checks")
    packages = str(Path(hypothesis.__file__).parents[1])  # last, so that the libraries are the server's
    start = f"import sys; sys.path.insert(0, 'checks'); sys.path.append({packages!r})"
    source = f"{start}; sys.argv[1:] = {SOME[version]}; import compiled_as_the_model"
    answer = run_among_libraries(project, f"sklearn-{version}", "tables", source)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "the same" in answer.stdout


def test_private_attributes_cost_speed_and_no_answer(render: Render) -> None:
    version = "1.9.1"  # `make test-models` tries the others
    project = render(framework="sklearn", framework_version=version, pandas=True)
    shutil.copytree(CHECKS, project / "checks")
    source = "import sys; sys.path.insert(0, 'checks'); import compiled_guards"
    answer = run_among_libraries(project, f"sklearn-{version}", "tables", source)
    assert answer.returncode == 0 and "guarded 19" in answer.stdout, answer.stdout + answer.stderr
