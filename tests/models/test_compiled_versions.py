"""Every kind of pipeline is served as by itself, with generations of scikit-learn (`make test-models`)."""

import shutil
import subprocess

import pytest

from tests.conftest import Render
from tests.models import environments
from tests.serving.test_tables import CHECKS

SERVER = ["orjson", "gunicorn", "flask", "hypothesis"]
VERSIONS = {
    "1.9.1": ["pandas==3.1.1", "xgboost-cpu", "lightgbm"],
    "1.7.1": ["pandas==2.3.3", "xgboost-cpu", "lightgbm"],
    "1.5.2": ["pandas==2.3.3"],
    "1.3.2": ["pandas==2.3.3", "numpy<2", "joblib==1.4.2"],
}


@pytest.mark.parametrize("version", VERSIONS)
def test_compiled_pipelines_answer_as_the_pipelines(render: Render, version: str) -> None:
    project = render(framework="sklearn", framework_version=version, pandas=True)
    shutil.copytree(CHECKS, project / "checks")
    packages = [f"scikit-learn=={version}", *VERSIONS[version], *SERVER]
    python = environments.made("3.11", packages)
    for name in ("compiled_as_the_model", "compiled_guards"):
        command = [str(python), "-W", "ignore", f"checks/{name}.py"]
        answer = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout + answer.stderr
