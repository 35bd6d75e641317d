"""The commands of a project read its manifests as kustomize does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.render.clusters import VARIANTS, Object, built

pytestmark = pytest.mark.xdist_group("kubernetes")  # one process renders for all of these
MANIFESTS = """
import json, sys
from lifecycle.hyperpod.manifests import Manifests

print(json.dumps(Manifests(sys.argv[1]).objects))
"""


def read(project: Path, image: str) -> list[Object]:
    """Return the objects as the project's own commands read them."""
    command = [sys.executable, "-c", MANIFESTS, image]
    done = subprocess.run(command, cwd=project / "do", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[Object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_commands_read_what_kustomize_builds(projects: dict[str, Path], variant: str) -> None:
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x@sha256:" + "0f" * 32
    project = projects[variant]
    ours = read(project, image)
    text = (project / "kubernetes" / "kustomization.yaml").read_text()
    name, _, digest = image.partition("@")
    named = text.replace("    newTag: latest\n", f"    newName: {name}\n    digest: {digest}\n")
    assert named != text
    (project / "kubernetes" / "kustomization.yaml").write_text(named)
    try:
        theirs = built(project)
        assert read(project, "") == ours, "an image that kustomization.yaml names is used"
    finally:
        (project / "kubernetes" / "kustomization.yaml").write_text(text)

    def by_name(objects: list[Object]) -> dict[str, Object]:
        return {f"{entry['kind']} {entry['metadata']['name']}": entry for entry in objects}

    assert by_name(ours) == by_name(theirs)
    assert image in json.dumps(ours)


@pytest.mark.parametrize(
    "text", ["A=b", 'A=x&y<z>\nB=it\'s "quoted" # not a comment', "A=héllo 日本\nC=\n", "A=a=b"]
)
def test_settings_get_the_name_that_kustomize_gives_them(
    projects: dict[str, Path], tmp_path: Path, text: str
) -> None:
    project = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(projects["predictive"]), str(project)], check=True)
    (project / "kubernetes" / "settings.env").write_text(text)

    def config_map(objects: list[Object]) -> Object:
        return next(entry for entry in objects if entry["kind"] == "ConfigMap")

    assert config_map(read(project, "x:y")) == config_map(built(project))
