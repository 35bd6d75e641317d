"""Stored answers of a project must pass the rules of new answers before it is rendered again."""

import copy
import shutil
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier.errors import UserMessageError

from extensions.mcc.errors.errors import InvalidAnswer
from extensions.mcc.interview import copier_run, questions, stored
from tests.conftest import Render, git, release

OPTIONS: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
FILE = ".copier-answers.yml"
KINDS: dict[str, dict[str, Any]] = {
    "predictive": {},
    "language model": {"deployment_config": "transformers-vllm", "offline": True},
    "pods": {
        "deployment_config": "transformers-sglang",
        "offline": True,
        "deployment_target": "hyperpod-eks",
        "hyperpod_cluster": "ml-cluster",
        "hyperpod_model_source": "s3://bucket/model/",
    },
    "Triton": {"deployment_config": "triton-pytorch"},
    "guessed": {
        "deployment_config": "transformers-lmi",
        "offline": True,
        "model_name": "s3://bucket/x/",
        "model_parameters": "7.6",
    },
}
EVIL: list[Any] = ["512\nevil = 1", "x\r\nRUN evil", "x\u2028evil", "x\0", ["a\nb"], {"a": "b\nc"}]


def answers_of(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((project / FILE).read_text())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_template_stores_is_in_order(render: Render, kind: str) -> None:
    answers = answers_of(render(**KINDS[kind]))
    stored.check(answers, FILE)
    worked_out = [name for name in questions.DERIVED if name in answers and name != "project_id"]
    for name in worked_out:
        assert set(answers[name]) - {"sized_for", "shape"} <= set(stored.FIELDS[name]), name


@pytest.mark.parametrize("kind", KINDS)
def test_no_stored_answer_may_hold_more_than_a_value(render: Render, kind: str) -> None:
    """Every answer, and every field of those that are worked out, is replaced by each of the above."""
    answers = answers_of(render(**KINDS[kind]))
    places = [(name, field) for name, value in answers.items() for field in fields(value)]
    assert len(places) > 20
    for name, field in places:
        for evil in EVIL:
            broken = copy.deepcopy(answers)
            if field is None:
                broken[name] = evil
            else:
                broken[name][field] = evil
            with pytest.raises(InvalidAnswer, match="git checkout") as refused:
                stored.check(broken, FILE)
            assert str(refused.value).count("\n") == 0, f"{name}.{field}"


def fields(value: Any) -> list[Any]:
    return [None, *value] if isinstance(value, dict) else [None]


def project_of(template: Path, tmp_path: Path) -> Path:
    """Return a committed project of a tagged template."""
    source, made = tmp_path / "source", tmp_path / "made"
    shutil.copytree(template, source)
    git(source, "init")
    release(source, "v1")
    copier.run_copy(str(source), made, **OPTIONS)
    git(made, "init")
    return made


CHANGES = {
    "memory": ("memory_mib: 512", 'memory_mib: "512\\nevil3 = 1"'),
    "id": ("project_id: ", "project_id: x # "),
    "text for a number": ("instance_count: 1", 'instance_count: "1\\n2"'),
    "name": ("project_name: made", "project_name: $(touch pwned)"),
    "flag": ("include_tests: true", "include_tests: |-\n  x\n  y"),
}


@pytest.mark.parametrize("command", ["update", "recopy"])
@pytest.mark.parametrize("change", CHANGES)
def test_an_edited_answers_file_changes_nothing(
    template: Path, tmp_path: Path, change: str, command: str
) -> None:
    made = project_of(template, tmp_path)
    path = made / FILE
    before, after = CHANGES[change]
    text = path.read_text()
    if change == "memory":
        before = next(line.strip() for line in text.splitlines() if "memory_mib" in line)
    if change == "id":
        after = "project_id: |-\n  a\n  b\nold: "
    assert before in text
    path.write_text(text.replace(before, after))
    git(made, "add", "--all")
    git(made, "commit", "--message", "edited")
    (tmp_path / "source" / "NOTES").write_text("v2")
    release(tmp_path / "source", "v2")
    with pytest.raises(UserMessageError) as refused:
        if command == "update":
            copier.run_update(made, overwrite=True, **OPTIONS)
        else:
            copier.run_recopy(made, overwrite=True, **OPTIONS)
    assert f"Restore the file: git checkout {FILE}" in str(refused.value)
    git(made, "diff", "--exit-code")


@pytest.mark.parametrize("name", ["_src_path", "_commit"])
def test_a_data_file_that_looks_like_an_update_is_checked(template: Path, tmp_path: Path, name: str) -> None:
    """The answers file of another project was once rendered unchecked."""
    data = {name: "https://example.com/x", "hosting": {"memory_mib": "512\nevil = 1"}}
    with pytest.raises(UserMessageError) as refused:
        copier.run_copy(str(template), tmp_path / "made", data=data, **OPTIONS)
    assert f"{name}: is written by Copier. Remove it." in str(refused.value)
    assert "hosting: is computed by the template" in str(refused.value)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("folder", "copy_of_an_update"),
    [
        ("/tmp/copier._main.old_copy.abc/project", True),
        ("/tmp/copier._main.new_copy.abc", True),
        ("/home/me/x.new_copy.y", False),
        ("/home/me/.old_copy.", False),
    ],
)
def test_only_copiers_own_folders_are_those_of_an_update(folder: str, copy_of_an_update: bool) -> None:
    assert copier_run.made_by_update({"dst_path": folder, "data": {"_src_path": "x"}}) == copy_of_an_update
