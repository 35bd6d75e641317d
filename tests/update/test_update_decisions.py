"""Decisions that an update keeps: types, resources and facts of a model."""

from pathlib import Path
from typing import Any

import copier
import pytest

from tests.conftest import git, release
from tests.fakes.hub import Hub, Model
from tests.unit.test_facts import LLAMA
from tests.update.versions import OPTIONS, answers_of, command, make

LARGER = {"num_hidden_layers": 80, "hidden_size": 8192, "num_attention_heads": 64, "intermediate_size": 28672}


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


def test_tools_come_with_an_update_and_stay_as_they_were_decided(source: Path, tmp_path: Path) -> None:
    """v2 stands for a version without the question. A project of it gets the default, as a new one does."""
    file = source / "questions" / "4-details.yml"
    question = file.read_text()
    asked = '"{{ parsers.offered | setting(\'tools\') }}"\n  when: "{{ parsers.offered }}"'
    assert asked in question
    file.write_text(question.replace(asked, "false\n  when: false"))
    release(source, "v2")
    old, decided = tmp_path / "old", tmp_path / "decided"
    data = {"deployment_config": "transformers-vllm", "offline": True}
    make(source, old, vcs_ref="v2", **data)
    make(source, decided, vcs_ref="v1", tools=False, **data)
    assert "tools" not in answers_of(old)
    file.write_text(question)
    (source / "NOTES").write_text("of v3\n")
    release(source, "v3")
    for made, parser in ((old, "hermes"), (decided, "")):
        copier.run_update(made, overwrite=True, **OPTIONS)
        assert answers_of(made)["tools"] == bool(parser) and not list(made.rglob("*.rej"))
        assert f'tool_call_parser = "{parser}"' in (made / "serving" / "settings.toml").read_text()
