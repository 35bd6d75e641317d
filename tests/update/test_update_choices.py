"""Another choice by an update: the files of the first one go."""

from pathlib import Path
from typing import Any

import copier
import pytest
from copier.errors import UserMessageError

from tests.conftest import git
from tests.update.versions import OPTIONS, answers_of, command, files_of, make, new_version


def test_an_answer_can_be_changed_by_an_update(project: tuple[Path, Path]) -> None:
    source, made = project
    new_version(source)
    told = command(
        made, "update", "--trust", "--defaults", "--skip-tasks", "-d", "deployment_config=http-flask"
    )
    assert told.returncode == 0, told.stderr
    assert "deployment_config will change: files of the old choice are deleted" in told.stderr
    assert "flask==" in (made / "requirements.txt").read_text()
    assert "fastapi" not in (made / "requirements.txt").read_text()
    assert not list(made.rglob("*.rej"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"frmaework": "sklearn"}, "Did you mean framework?"),
        ({"framework": "pytorch"}, "'pytorch' is not available"),
        ({"framework_version": "{{ 7 * 7 }}"}, "not available for sklearn and pkl"),
        ({"instance_type": "x\ny"}, "instance_type"),
        ({"project_name": "$(id)"}, "project_name"),
        ({"max_model_len": 4096}, "not a question of deployment_config http-fastapi"),
        ({"model_path": "/nowhere/model.pkl"}, "there is no file"),
    ],
)
def test_what_cannot_be_used_changes_nothing(
    project: tuple[Path, Path], data: dict[str, Any], words: str
) -> None:
    source, made = project
    new_version(source)
    with pytest.raises(UserMessageError) as caught:
        copier.run_update(made, data=data, overwrite=True, **OPTIONS)
    assert words in str(caught.value) and len(str(caught.value).splitlines()) == 1
    git(made, "add", "--all")
    git(made, "diff", "--cached", "--exit-code")


def test_another_target_takes_the_files_of_the_first_away(project: tuple[Path, Path]) -> None:
    source, made = project
    new_version(source)
    with pytest.raises(UserMessageError, match="hyperpod_cluster"):
        copier.run_update(made, data={"deployment_target": "hyperpod-eks"}, overwrite=True, **OPTIONS)
    told = command(
        *(made, "update", "--trust", "--defaults", "--skip-tasks"),
        *("-d", "deployment_target=hyperpod-eks", "-d", "hyperpod_cluster=ml-cluster"),
    )
    assert told.returncode == 0, told.stderr
    assert "deployment_target will change: files of the old choice are deleted" in told.stderr
    assert (made / "kubernetes" / "deployment.yaml").exists()
    assert not (made / "iam" / "endpoint.toml").exists() and (made / "iam" / "cluster.toml").exists()
    assert "role_arn" not in answers_of(made)


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "engine": ({"deployment_config": "transformers-vllm"}, {"deployment_config": "transformers-sglang"}),
    "proxy": ({"deployment_config": "transformers-lmi"}, {"deployment_config": "transformers-tensorrt-llm"}),
    "backend": (  # whose default batches differ, and are a decision that stays
        {"deployment_config": "triton-fil", "max_batch_size": 1024},
        {"deployment_config": "triton-onnxruntime", "model_format": "onnx", "max_batch_size": 1024},
    ),
    "into Triton": ({"deployment_config": "transformers-djl"}, {"deployment_config": "triton-vllm"}),
    "framework": ({}, {"framework": "onnxruntime", "model_format": "onnx", "private_index": True}),
    "workflow files": ({"ci": "github"}, {"ci": "gitlab"}),
    "no workflow files": ({"ci": "gitlab"}, {"ci": "none"}),
    "serverless": ({}, {"deployment_target": "serverless-inference"}),
    "instances": (
        {"deployment_target": "serverless-inference"},
        {"deployment_target": "managed-inference"},
    ),
    "jobs": ({"deployment_target": "serverless-inference"}, {"deployment_target": "batch-transform"}),
    "builder": ({"deployment_config": "triton-python"}, {"build_target": "codebuild"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_choice_leaves_the_files_of_a_project_made_with_it(
    source: Path, tmp_path: Path, change: str
) -> None:
    made, fresh = tmp_path / "made" / "mine", tmp_path / "fresh" / "mine"
    before, after = CHANGES[change]
    common = {"offline": True, "include_tests": True, "project_name": "mine"}
    make(source, made, **common, **before)
    (made / "README.md").write_text((made / "README.md").read_text() + "\nOurs.\n")
    git(made, "commit", "--all", "--message", "a word of ours")
    new_version(source)
    copier.run_update(made, data=after, overwrite=True, **OPTIONS)
    make(source, fresh, **{**common, **before, **after, "project_id": answers_of(made)["project_id"]})
    assert files_of(made) == files_of(fresh)
    for name in files_of(made) - {"README.md", ".copier-answers.yml"}:
        assert (made / name).read_bytes() == (fresh / name).read_bytes(), name
    assert "Ours." in (made / "README.md").read_text()
