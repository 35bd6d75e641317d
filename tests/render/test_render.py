"""Every framework, format and server of predictive models renders a complete project, and nothing else."""

import filecmp
import re

import pytest
import yaml

from tests import ownership
from tests.conftest import REPOSITORY, TRIED, Render
from tests.render.checks import VARIANTS, answers_of, check_scripts, check_text, copy_sources, files_of

WORDS = {
    "sklearn": ("sklearn", "scikit", "joblib"),
    "xgboost": ("xgboost",),
    "tensorflow": ("tensorflow",),
    "lightgbm": ("lightgbm",),
    "onnxruntime": ("onnx",),
    "catboost": ("catboost",),
}
OTHERS = {
    **{name: tuple(word for other in WORDS if other != name for word in WORDS[other]) for name in WORDS},
    "lightgbm": ("xgboost", "tensorflow"),  # its pickles need scikit-learn
    "http-flask": ("fastapi", "uvicorn"),
    "http-fastapi": ("flask", "gthread"),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("server", "framework", "model_format"), TRIED)
def test_a_project_is_complete_and_holds_nothing_else(
    render: Render, server: str, framework: str, model_format: str, variant: str
) -> None:
    project = render(**answers_of(server, framework, model_format), **VARIANTS[variant])
    files, of_library = files_of(project), ownership.files(project)
    for path in files:
        if path.suffix == ".gz":
            continue
        check_text(path)
        text = path.read_text()
        if not of_library[path.relative_to(project).as_posix()]:
            for word in OTHERS[framework] + OTHERS[server]:
                assert not re.search(rf"\b{word}", text, re.IGNORECASE), f"{path} speaks of {word}"
    dockerfile = (project / "Dockerfile").read_text()
    for source in copy_sources(dockerfile):
        assert (project / source).exists(), f"the Dockerfile copies {source}, which is not there"
    names = {path.relative_to(project).as_posix() for path in files}
    assert ("sample_model/train.py" in names) == (variant != "bare")
    assert ("do/contract/__main__.py" in names) == (variant != "bare")
    assert ("# COPY your_model_files /opt/ml/model/" in dockerfile) == (variant == "bare")
    for name in ("do/buildspec.yml", "do/submit", "iam/codebuild.toml", "do/lifecycle/codebuild/builder.py"):
        assert (name in names) == (variant == "latency-arm")
    assert ("linux/arm64" in (project / "do" / "config.toml").read_text()) == (variant == "latency-arm")
    check_scripts(project)
    assert ownership.unmarked(project) == []
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert stored["framework"] == framework and "given" not in stored and "predictive" not in stored


def test_a_default_project_is_small(render: Render) -> None:
    ownership.assert_small(render())


def test_the_readme_shows_the_tree_of_a_default_project(render: Render) -> None:
    shown = (
        (REPOSITORY / "README.md").read_text().partition("<!-- tree -->\n")[2].partition("<!-- /tree -->")[0]
    )
    tree = ownership.tree(render("my-model"))
    assert shown == f"```text\n{tree}\n```\n", "run `python -m tests.ownership` and paste its tree"


def test_two_renders_are_identical(render: Render) -> None:
    answers = {"project_name": "same", "project_id": "c0ffee42"}
    first, second = render("one", **answers), render("two", **answers)
    comparison = filecmp.dircmp(first, second)
    assert not comparison.diff_files and not comparison.left_only and not comparison.right_only
    for path in files_of(first):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes(), path
