"""A project goes from one version of the template to the next: edits survive, decisions stay."""

import json
import re
import sys
from pathlib import Path

import copier
import pytest
from copier.errors import UserMessageError

from tests.conftest import git, release
from tests.update.versions import OPTIONS, answers_of, command, make, new_version, pin_orjson


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


def test_edits_survive_and_decisions_stay(project: tuple[Path, Path]) -> None:
    source, made = project
    handler = made / "serving" / "model_handler.py"
    handler.write_text(
        handler.read_text().replace("return np.asarray(predictions)", "return 2 * np.asarray(predictions)")
    )
    git(made, "commit", "--all", "--message", "mine")
    catalog = source / "catalog" / "instances.yml"
    catalog.write_text("".join(line for line in catalog.open() if "ml.m5.large:" not in line))
    configuration = source / "includes" / "nginx.conf.jinja"
    configuration.write_text(
        configuration.read_text().replace("keepalive_timeout 75s", "keepalive_timeout 80s")
    )
    release(source, "v2")

    copier.run_update(made, overwrite=True, **OPTIONS)

    answers = answers_of(made)
    assert answers["_commit"] == "v2" and answers["instance_type"] == "ml.m5.large"
    assert "keepalive_timeout 80s" in (made / "nginx.conf").read_text()
    assert "return 2 * np.asarray(predictions)" in handler.read_text()


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
    mine, theirs = made / "nginx.conf", source / "includes" / "nginx.conf.jinja"
    for path, value in ((mine, "70s"), (theirs, "80s")):
        path.write_text(path.read_text().replace("keepalive_timeout 75s", f"keepalive_timeout {value}"))
    git(made, "commit", "--all", "--message", "mine")
    release(source, "v2")
    copier.run_update(made, overwrite=True, **OPTIONS)
    text = mine.read_text()
    assert "<<<<<<<" in text and "keepalive_timeout 70s" in text and "keepalive_timeout 80s" in text


def test_a_pin_goes_along_and_the_version_stays(project: tuple[Path, Path]) -> None:
    source, made = project
    before = answers_of(made)["framework_version"]
    pin_orjson(source, "3.99.0")
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
