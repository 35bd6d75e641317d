"""Line endings: a clone on Windows keeps those of the project."""

from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, Render, git
from tests.render.checks import files_of


@pytest.mark.parametrize("kind", ["http-fastapi", "transformers-vllm", "triton-fil"])
def test_a_clone_on_windows_keeps_its_line_endings(render: Render, tmp_path: Path, kind: str) -> None:
    """Git for Windows sets core.autocrlf, and a script that ends its lines in CR LF does not start."""
    project, clone = render(deployment_config=kind, offline=True), tmp_path / "clone"
    if models := {"http-fastapi": "model", "triton-fil": "model_repository"}.get(kind):
        (project / models).mkdir(exist_ok=True)
        (project / models / "of-windows.json").write_bytes(b"bytes\r\nof a model\n")
    git(project, "init")
    git(project, "add", "--all", "--force")
    git(project, "commit", "--message", "made")
    git(tmp_path, "clone", "-c", "core.autocrlf=true", str(project), str(clone))
    for path in files_of(project):
        name = path.relative_to(project)
        if name.parts[0] != ".git":
            assert (clone / name).read_bytes() == path.read_bytes(), name
    for line in (project / ".gitattributes").read_text().splitlines():
        pattern = line.partition(" ")[0]
        known = ("#", "*", "*.gz", "model/**", "model_repository/**")
        assert pattern in known or any(project.glob(pattern)), f"{pattern} matches nothing in the project"


def test_the_repository_itself_keeps_its_line_endings() -> None:
    text = (REPOSITORY / ".gitattributes").read_text()
    assert "* text=auto eol=lf\n" in text and "*.gz binary\n" in text
