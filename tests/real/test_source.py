"""do/submit sends the same files as the Docker builder, with the same .dockerignore.

The Docker of Debian is from 2020. The tests omit changes in Docker 23: plus signs are literal, exceptions
with wildcards apply within ignored directories, and rules without effect on a directory
exclude its content.
"""

import importlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

FILES = (
    "a.txt",
    "b.py",
    "docs/a.md",
    "docs/b.txt",
    "docs/deep/a.md",
    "docs/deep/er/c.md",
    "model/weights.bin",
    "model/README.md",
    "serving/__pycache__/x.pyc",
    "serving/app.py",
    "serving/deep/__pycache__/y.pyc",
    "sp ace/x y.txt",
    "a+b/c.txt",
    "[x]/y.txt",
    ".hidden/z",
    "aa.txt",
)
IGNORED = {
    "of a project": "*\n!requirements.txt\n!serving\n!model\nmodel/README.md\n**/__pycache__\n",
    "nothing": "",
    "comments and blanks": "# a comment\n\n  docs  \n#model\n",
    "a leading slash": "/docs\n/a.txt\n",
    "a trailing slash": "docs/\n",
    "one star": "*.txt\n*/a.md\ndocs/*/a.md\n",
    "two stars": "**/*.md\n!docs/a.md\n",
    "two stars within": "docs/**/c.md\n**/deep\n",
    "two stars at the end": "docs/**\nmodel/**\n!model/weights.bin\n",
    "a question mark": "?.txt\na?b\n",
    "a class": "[ab].*\n",
    "an exception within": "docs\n!docs/deep\n!docs/a.md\n",
    "an exception, and again": "docs\n!docs/deep\ndocs/deep/er\n",
    "the last one counts": "!a.txt\na.txt\nb.py\n!b.py\n",
    "dots on the way": "./docs/../model\n",
    "signs of expressions": "\\[x\\]\nsp ace\n.hidden\n",
    "everything": "**\n",
}


@pytest.fixture(scope="module")
def source() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REPOSITORY / "template" / "do")
        return importlib.import_module("lifecycle.codebuild.source")


@pytest.mark.parametrize("name", IGNORED)
def test_the_source_is_what_docker_sees(
    source: Any, engine: dict[str, str], tmp_path: Path, name: str
) -> None:
    context, seen = tmp_path / "context", tmp_path / "seen"
    for file in FILES:
        (context / file).parent.mkdir(parents=True, exist_ok=True)
        (context / file).write_text(file)
    (context / ".dockerignore").write_text(IGNORED[name])
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    command = ["docker", "build", "--output", str(seen), "."]
    built = {**engine, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(command, cwd=context, env=built, capture_output=True, text=True)
    if "no source" not in done.stderr:  # COPY of an empty context
        assert done.returncode == 0, done.stderr
    docker = {os.path.relpath(path, seen) for path in seen.rglob("*") if path.is_file()}
    always = {"Dockerfile", ".dockerignore"}
    ours = {str(path.relative_to(context)) for path in source.files(context)}
    assert ours - always == docker - always
