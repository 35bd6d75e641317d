"""A project goes from one version of the template to the next: edits survive, decisions stay."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier.errors import UserMessageError

from tests.conftest import git, release
from tests.standins.hub import Hub, Model
from tests.unit.test_facts import LLAMA

LARGER = {"num_hidden_layers": 80, "hidden_size": 8192, "num_attention_heads": 64, "intermediate_size": 28672}
OPTIONS: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}


@pytest.fixture
def source(template: Path, tmp_path: Path) -> Path:
    """Return a template with a tag v1."""
    source = tmp_path / "source"
    subprocess.run(["cp", "-r", str(template), str(source)], check=True)
    git(source, "init")
    release(source, "v1")
    return source


def new_version(template: Path) -> None:
    (template / "NOTES").write_text("a new version\n")
    release(template, "v2")


def command(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run copier as a person does, in a project."""
    words = [sys.executable, "-m", "copier", *arguments]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


def make(source: Path, made: Path, vcs_ref: Any = None, **data: Any) -> None:
    """Make a committed project, of the newest tag or of `vcs_ref`."""
    copier.run_copy(str(source), made, data=data, vcs_ref=vcs_ref, **OPTIONS)
    git(made, "init")
    git(made, "add", "--all")
    git(made, "commit", "--message", "made")


def answers_of(made: Path) -> dict[str, Any]:
    answers: dict[str, Any] = yaml.safe_load((made / ".copier-answers.yml").read_text())
    return answers


@pytest.mark.parametrize("typed", [".", "../source", "../link"])
def test_a_project_of_a_relative_path_is_updated(source: Path, tmp_path: Path, typed: str) -> None:
    made = tmp_path / "projects" / "made"
    (tmp_path / "link").symlink_to(source)
    copied = command(source, "copy", "--trust", "--defaults", "--skip-tasks", typed, "../projects/made")
    assert copied.returncode == 0, copied.stderr
    place = Path(answers_of(made)["_src_path"])
    assert place.is_absolute() and place.samefile(source)
    git(made, "init")
    git(made, "add", "--all")
    git(made, "commit", "--message", "made")
    new_version(source)
    moved = command(made, "update", "--trust", "--defaults", "--skip-tasks")
    assert moved.returncode == 0, moved.stderr
    assert answers_of(made)["_commit"] == "v2"
    assert Path(answers_of(made)["_src_path"]) == place


@pytest.fixture
def project(source: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a template with a tag v1 and a committed project made from it."""
    made = tmp_path / "abalone-age"
    make(source, made, instance_type="ml.m5.large")
    return source, made


def test_edits_survive_and_decisions_stay(project: tuple[Path, Path]) -> None:
    source, made = project
    handler = made / "serving" / "model_handler.py"
    handler.write_text(
        handler.read_text().replace("return np.asarray(predictions)", "return 2 * np.asarray(predictions)")
    )
    git(made, "commit", "--all", "--message", "mine")
    catalog = source / "catalog" / "instances.yml"
    catalog.write_text("".join(line for line in catalog.open() if "ml.m5.large:" not in line))
    configuration = source / "template" / "{{ predictive }}" / "nginx.conf"
    configuration.write_text(
        configuration.read_text().replace("keepalive_timeout 75s", "keepalive_timeout 80s")
    )
    release(source, "v2")

    copier.run_update(made, overwrite=True, **OPTIONS)

    answers = answers_of(made)
    assert answers["_commit"] == "v2" and answers["instance_type"] == "ml.m5.large"
    assert "keepalive_timeout 80s" in (made / "nginx.conf").read_text()
    assert "return 2 * np.asarray(predictions)" in handler.read_text()


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


def test_the_id_of_a_project_is_its_own_and_an_update_keeps_it(source: Path, tmp_path: Path) -> None:
    ids = set()
    for folder in ("one", "two"):
        made = tmp_path / folder
        make(source, made, project_name="my-model", deployment_target="managed-inference")
        config = (made / "do" / "config.toml").read_text()
        found = answers_of(made)["project_id"]
        assert f'project_id = "{found}"' in config and f"mcc-{found}-execution" in stack(made)
        ids.add(found)
    assert len(ids) == 2, "the same user, machine and name"
    new_version(source)
    copier.run_update(made, overwrite=True, **OPTIONS)
    assert answers_of(made)["project_id"] == found and f"mcc-{found}-execution" in stack(made)
    copier.run_recopy(made, overwrite=True, **OPTIONS)
    assert answers_of(made)["project_id"] == found
    make(source, tmp_path / "three", project_name="my-model", project_id="c0ffee42")
    assert answers_of(tmp_path / "three")["project_id"] == "c0ffee42"
    for wrong in ("*", "C0FFEE42", "c0ffee4", "x"):
        with pytest.raises(UserMessageError, match="eight hexadecimal digits"):
            make(source, tmp_path / "four", project_id=wrong)


def stack(made: Path) -> str:
    return (made / "iam" / "stack.yml").read_text()


def test_an_overlapping_edit_is_marked_as_a_conflict(project: tuple[Path, Path]) -> None:
    source, made = project
    mine, theirs = made / "nginx.conf", source / "template" / "{{ predictive }}" / "nginx.conf"
    for path, value in ((mine, "70s"), (theirs, "80s")):
        path.write_text(path.read_text().replace("keepalive_timeout 75s", f"keepalive_timeout {value}"))
    git(made, "commit", "--all", "--message", "mine")
    release(source, "v2")
    copier.run_update(made, overwrite=True, **OPTIONS)
    text = mine.read_text()
    assert "<<<<<<<" in text and "keepalive_timeout 70s" in text and "keepalive_timeout 80s" in text


def test_a_pin_goes_along_and_the_version_stays(project: tuple[Path, Path]) -> None:
    source, made = project
    pins = source / "catalog" / "web_servers.yml"
    before = answers_of(made)["framework_version"]
    pins.write_text(re.sub(r"orjson==[0-9.]+", "orjson==3.99.0", pins.read_text()))
    release(source, "v2")
    copier.run_update(made, overwrite=True, **OPTIONS)
    assert "orjson==3.99.0" in (made / "requirements.txt").read_text()
    assert answers_of(made)["framework_version"] == before


def test_a_renamed_question_keeps_its_answer_by_a_migration(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "abalone-age"
    make(source, made, serving_profile="latency")
    for path in [*source.joinpath("questions").glob("*.yml"), *source.joinpath("template").rglob("*.jinja")]:
        path.write_text(re.sub(r"(?<!')serving_profile", "profile", path.read_text()))
    settings = source / "copier.yml"
    migration = """_migrations:
  - version: v2
    when: "{{ _stage == 'before' }}"
    command: [python3, "{{ _copier_conf.src_path }}/hooks/rename_answer.py",
              "{{ _copier_conf.answers_file }}", serving_profile, profile]
"""
    settings.write_text(settings.read_text().replace("_tasks:", migration + "_tasks:", 1))
    release(source, "v2")
    copier.run_update(made, overwrite=True, **OPTIONS)
    stored = answers_of(made)
    assert stored["profile"] == "latency" and "serving_profile" not in stored


def test_the_answers_of_before_beat_the_environment(
    project: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, made = project
    new_version(source)
    monkeypatch.setenv("MCC_INSTANCE_TYPE", "ml.c5.large")
    monkeypatch.setenv("MCC_REGION", "eu-west-1")
    copier.run_update(made, overwrite=True, **OPTIONS)
    stored = answers_of(made)
    assert (stored["_commit"], stored["instance_type"], stored["region"]) == (
        "v2",
        "ml.m5.large",
        "us-east-1",
    )


def test_a_plain_update_starts_no_server(
    project: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, made = project
    new_version(source)
    started, config = tmp_path / "started", tmp_path / "team.json"
    script = f"open({str(started)!r}, 'w')"
    config.write_text(
        json.dumps({"mcpServers": {"team": {"command": sys.executable, "args": ["-c", script]}}})
    )
    monkeypatch.setenv("MCC_CONFIG", str(config))
    copier.run_update(made, overwrite=True, **OPTIONS)
    assert answers_of(made)["_commit"] == "v2" and not started.exists()
    copier.run_copy(str(source), tmp_path / "another", **OPTIONS)
    assert started.exists(), "the server is started by a copy"


def test_a_newer_version_is_shown_and_a_fork_can_take_its_place(
    project: tuple[Path, Path], tmp_path: Path
) -> None:
    """The commands of docs/how-to/updates.md."""
    source, made = project
    assert "up-to-date" in command(made, "check-update").stdout.lower()
    new_version(source)
    assert "latest version is 2" in command(made, "check-update").stdout

    fork = tmp_path / "fork"
    git(tmp_path, "clone", str(source), str(fork))
    (fork / "template" / "{{ predictive }}" / "TEAM.md").write_text("rules of the team\n")
    release(fork, "v2.1")
    answers = made / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(f"_src_path: {source}", f"_src_path: {fork}"))
    git(made, "commit", "--all", "--message", "follow the fork")
    moved = command(made, "update", "--trust", "--defaults", "--skip-tasks")
    assert moved.returncode == 0, moved.stderr
    assert answers_of(made)["_commit"] == "v2.1" and (made / "TEAM.md").exists()

    (source / "template" / "{{ predictive }}" / "UPSTREAM.md").write_text("news\n")
    release(source, "v3")
    git(fork, "fetch", "--tags", "origin")
    git(fork, "merge", "--no-edit", "v3")
    git(fork, "tag", "v3.1")
    git(made, "add", "--all")
    git(made, "commit", "--message", "updated")
    kept = command(made, "update", "--trust", "--defaults", "--skip-tasks")
    assert kept.returncode == 0, kept.stderr
    assert (made / "TEAM.md").exists() and (made / "UPSTREAM.md").exists()


def test_a_language_model_is_looked_up_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look-up on a copy, none on a plain update, one after the model changes."""
    small, large = Model(files={"config.json": LLAMA}), Model(files={"config.json": {**LLAMA, **LARGER}})
    made = tmp_path / "chat"
    with Hub({"team/small": small, "team/large": large}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        make(source, made, deployment_config="transformers-vllm", model_name="team/small")
        first = answers_of(made)
        assert hub.counts["/api/models/team/small/revision/main"] == 1
        asked = len(hub.requests)
        assert asked <= 4 and first["model_facts"]["commit"] == small.commit
        assert f'revision = "{small.commit}"' in (made / "serving" / "settings.toml").read_text()

        constants = source / "catalog" / "memory.yml"
        constants.write_text(constants.read_text().replace("sampler_bytes: 39", "sampler_bytes: 4000"))
        (source / "template" / "{{ language_model }}" / "NOTES").write_text("of v2\n")
        release(source, "v2")
        copier.run_update(made, overwrite=True, **OPTIONS)
        kept = answers_of(made)
        assert len(hub.requests) == asked, "a plain update asked the Hub"
        assert kept["_commit"] == "v2" and (made / "NOTES").exists()
        for name in ("model_facts", "engine_settings", "instance_type"):
            assert kept[name] == first[name]

        git(made, "add", "--all")
        git(made, "commit", "--message", "updated")
        copier.run_update(made, data={"model_name": "team/large"}, overwrite=True, **OPTIONS)
        changed = answers_of(made)
        assert hub.counts["/api/models/team/large/revision/main"] == 1
        assert hub.counts["/api/models/team/small/revision/main"] == 1
        assert changed["model_facts"]["commit"] == large.commit
        assert changed["instance_type"] != first["instance_type"]
        assert changed["engine_settings"]["sized_for"]["model"] == "team/large"


def test_a_type_that_a_person_names_is_kept(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "chat"
    data = {"deployment_config": "transformers-vllm", "offline": True}
    make(source, made, instance_type="ml.g6e.4xlarge", **data)
    (source / "NOTES").write_text("a new version\n")
    release(source, "v2")
    copier.run_update(made, overwrite=True, **OPTIONS)
    assert answers_of(made)["instance_type"] == "ml.g6e.4xlarge"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"frmaework": "sklearn"}, "Did you mean framework?"),
        ({"framework": "pytorch"}, "'pytorch' is not offered"),
        ({"framework_version": "{{ 7 * 7 }}"}, "not offered for sklearn and pkl"),
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


def test_a_decision_that_is_given_again_stays(project: tuple[Path, Path]) -> None:
    source, made = project
    catalog = source / "catalog" / "instances.yml"
    catalog.write_text("".join(line for line in catalog.open() if "ml.m5.large:" not in line))
    release(source, "v2")
    copier.run_update(made, data={"instance_type": "ml.m5.large"}, overwrite=True, **OPTIONS)
    assert answers_of(made)["instance_type"] == "ml.m5.large"


def test_what_pods_get_stays_until_the_model_or_the_type_changes(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "chat"
    data = {"deployment_config": "transformers-vllm", "offline": True, "deployment_target": "hyperpod-eks"}
    make(source, made, hyperpod_cluster="ml-cluster", hyperpod_namespace="team", **data)
    first = answers_of(made)
    manifest = made / "kubernetes" / "deployment.yaml"
    edited = manifest.read_text().replace(
        "terminationGracePeriodSeconds: 40", "terminationGracePeriodSeconds: 90"
    )
    manifest.write_text(edited)
    git(made, "commit", "--all", "--message", "mine")
    facts = source / "catalog" / "hyperpod.yml"
    facts.write_text(facts.read_text().replace("daemons_gib: 1.5", "daemons_gib: 4"))
    release(source, "v2")
    copier.run_update(made, overwrite=True, **OPTIONS)
    assert answers_of(made)["pod_resources"] == first["pod_resources"]
    assert manifest.read_text() == edited
    git(made, "commit", "--all", "--message", "updated")
    copier.run_update(made, data={"instance_type": "ml.g6e.2xlarge"}, overwrite=True, **OPTIONS)
    changed = answers_of(made)["pod_resources"]
    assert changed["memory"] != first["pod_resources"]["memory"]
    assert "terminationGracePeriodSeconds: 90" in manifest.read_text()
    assert changed["memory"] in manifest.read_text()


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
    assert "deployment_target will be changed: files of the old choice are deleted" in told.stderr
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
    "framework": ({}, {"framework": "tensorflow", "model_format": "keras"}),
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
    make(source, fresh, **{**common, **before, **after})
    assert files_of(made) == files_of(fresh)
    for name in files_of(made) - {"README.md", ".copier-answers.yml"}:
        assert (made / name).read_bytes() == (fresh / name).read_bytes(), name
    assert "Ours." in (made / "README.md").read_text()


def files_of(project: Path) -> set[str]:
    """Return the files of a project but those of git and what names the project itself."""
    found = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] != ".git"}


@pytest.mark.parametrize(
    "kind",
    [
        {"deployment_config": "transformers-vllm"},
        {"deployment_config": "triton-vllm"},
        {
            "deployment_config": "transformers-sglang",
            "deployment_target": "hyperpod-eks",
            "hyperpod_cluster": "ml-cluster",
        },
    ],
)
def test_a_language_models_type_that_the_catalog_drops_is_kept_with_a_warning(
    source: Path, tmp_path: Path, kind: dict[str, Any]
) -> None:
    made = tmp_path / "chat"
    make(source, made, offline=True, instance_type="ml.g6e.4xlarge", **kind)
    first = answers_of(made)
    catalog = source / "catalog" / "instances.yml"
    catalog.write_text("".join(line for line in catalog.open() if "ml.g6e.4xlarge:" not in line))
    release(source, "v2")
    told = command(made, "update", "--trust", "--defaults", "--skip-tasks")
    assert told.returncode == 0, told.stderr
    kept = "instance_type: ml.g6e.4xlarge is no longer in the catalog. It is kept."
    assert told.stderr.count(kept) == 1 and "Traceback" not in told.stderr
    answers = answers_of(made)
    assert answers["_commit"] == "v2"
    for name in ("instance_type", "engine_settings", "model_facts", *({"hosting"} & set(first))):
        assert answers[name] == first[name]
    for path in ("README.md", "memory.svg"):
        assert "ml.g6e.4xlarge is not sized: it is not in the catalog" in (made / path).read_text()
    if (stub := made / "do" / "stub" / "nvidia-smi").exists():
        assert "NVIDIA L40S, 8.9" in stub.read_text()
