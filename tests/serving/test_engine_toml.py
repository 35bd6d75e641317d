"""Settings are read with tomllib, or with tomli if the Python of the image has no tomllib."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.serving import llm
from tests.serving.engine_calls import given, serve


@pytest.fixture
def project(render: Render) -> Path:
    return render("chat", deployment_config="transformers-vllm", offline=True)


def without_tomllib(folder: Path) -> Path:
    """Return a folder that hides tomllib and tomli from a Python with it on its path, like Python 3.10."""
    folder.mkdir()
    for name in ("tomllib", "tomli"):
        absent = f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n"
        (folder / f"{name}.py").write_text(absent)
    return folder


def test_settings_are_read_by_tomli_where_python_has_no_tomllib(project: Path, tmp_path: Path) -> None:
    path = without_tomllib(tmp_path / "path")
    done, called = serve(project, PYTHONPATH=str(path))
    assert done.returncode == 1 and not called and done.stderr.count("\n") == 1
    assert "has neither tomllib nor tomli; add to the Dockerfile: RUN python3 -m pip" in done.stderr
    shutil.copytree(Path(tomllib.__file__).parent, path / "tomli")
    done, called = serve(project, PYTHONPATH=str(path))
    assert given(called, project)["max_model_len"], done.stderr


@pytest.mark.parametrize("config", llm.SERVERS)
def test_the_image_gets_tomli_where_its_python_has_no_tomllib(
    render: Render, config: str, tmp_path: Path
) -> None:
    text = (render("chat", deployment_config=config, offline=True) / "Dockerfile").read_text()
    (command,) = re.findall(r'^RUN (python3 -c "import tomllib".*(?:\n    .*)*)', text, re.MULTILINE)
    pins = tmp_path / "tomli.txt"
    here = command.replace("python3 -m pip", "echo pip").replace("/tmp/tomli.txt", str(pins))
    assert subprocess.run(["sh", "-c", here], capture_output=True, check=True).stdout == b""
    assert not pins.exists()
    neither = here.replace("import tomllib", "import no_tomllib").replace('import tomli"', 'import no"')
    done = subprocess.run(["sh", "-c", neither], capture_output=True, check=True, text=True)
    assert done.stdout == f"pip install --no-cache-dir --require-hashes -r {pins}\n"
    assert re.fullmatch(r"tomli==2\.5\.0 --hash=sha256:[0-9a-f]{64}\n", pins.read_text())
