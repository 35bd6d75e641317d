"""A project for one deployment target has nothing of the other."""

import re
from pathlib import Path

import pytest

from extensions.mcc.catalog import catalog
from tests import ownership
from tests.conftest import REPOSITORY, Render
from tests.render.clusters import HYPERPOD

HYPERPOD_WORDS = ("hyperpod", "kubernetes", "kustom", "kueue", r"\bpods?\b", r"\beks\b")
MANAGED_WORDS = (
    r"managed.inference",
    "inference.component",
    "endpoint_config",
    "role_arn",
    "autoscaling.policy",
)


def words_in(project: Path, words: tuple[str, ...]) -> list[str]:
    found = []
    for path in sorted(project.rglob("*")):
        kept = path.suffix == ".gz" or path.name in (".copier-answers.yml", "requirements.txt")
        if path.is_file() and not kept:
            text = f"{path.relative_to(project)}\n{path.read_text()}"
            found += [f"{path.name}: {word}" for word in words if re.search(word, text, re.IGNORECASE)]
    return found


@pytest.mark.parametrize("config", ["http-fastapi", "transformers-vllm"])
def test_one_target_has_nothing_of_the_other(render: Render, config: str) -> None:
    offline = {"offline": True, "deployment_config": config}
    managed = render("managed", **offline)
    assert words_in(managed, HYPERPOD_WORDS) == []
    pods = render("pods", **offline, **HYPERPOD)
    assert words_in(pods, MANAGED_WORDS) == []
    assert ownership.unmarked(pods) == []
    for project, other in ((managed, "hyperpod_"), (pods, "role_arn")):
        assert other not in (project / ".copier-answers.yml").read_text()


# Words of other targets that each target of a predictive model has no use for.
ABSENT = {
    "managed-inference": ("serverless", "transform.job", "batch_", "do/batch", *HYPERPOD_WORDS),
    "batch-transform": (
        "serverless",
        "max_instance_count",
        "scale_to_zero",
        "do/deploy  .*endpoint",
        "CreateInferenceComponent",
        "CreateEndpoint",
        "InvokeEndpoint",
        'when = "alarms"',
        *HYPERPOD_WORDS,
    ),
    "serverless-inference": (
        "instance_type",
        "max_usd_per_hour",
        "CreateInferenceComponent",
        "subnets",
        "kms_key",
        'when = "alarms"',
        "transform.job",
        "role, quota",
        *HYPERPOD_WORDS,
    ),
}


@pytest.mark.parametrize("target", ABSENT)
def test_a_target_renders_only_what_it_needs(render: Render, target: str) -> None:
    project = render("one", deployment_target=target)
    assert ownership.unmarked(project) == []
    for path in ("do/config.toml", "README.md", "iam/endpoint.toml", ".copier-answers.yml"):
        text = (project / path).read_text().replace(target, "").replace("`deployment_target`", "")
        found = [word for word in ABSENT[target] if re.search(word, text, re.IGNORECASE)]
        assert found == [], path
    lifecycle = project / "do" / "lifecycle"
    assert (lifecycle / "serverless").exists() == (target == "serverless-inference")
    assert (lifecycle / "transform").exists() == (project / "do" / "batch").exists()
    assert (project / "do" / "batch").exists() == (target == "batch-transform")
    assert (lifecycle / "sagemaker" / "network.py").exists() == (target != "serverless-inference")


def test_the_catalog_knows_the_instances_of_transform_jobs_that_botocore_knows() -> None:
    import botocore.session

    sagemaker = botocore.session.get_session().get_service_model("sagemaker")
    known: list[str] = sagemaker.shape_for("TransformInstanceType").enum  # type: ignore[attr-defined]
    sizes = catalog.hosting().batch.instances
    listed = {f"ml.{family}.{size}" for family in sizes for size in sizes[family]}
    kinds = {name: item.kind for name, item in catalog.instances().items()}
    assert listed <= set(known)
    assert {name for name in known if kinds.get(name) == "cpu"} <= listed
    assert not [name for name in listed if kinds.get(name, "cpu") != "cpu"]


def test_the_catalog_knows_the_nodes_that_botocore_knows() -> None:
    import botocore.session

    sagemaker = botocore.session.get_session().get_service_model("sagemaker")
    known: list[str] = sagemaker.shape_for("ClusterInstanceType").enum  # type: ignore[attr-defined]
    assert all(catalog.hyperpod().has(name) for name in known)
    listed = {f"ml.{family}.{size}" for family, sizes in catalog.hyperpod().nodes.items() for size in sizes}
    assert listed == set(known)
    assert (REPOSITORY / "catalog" / "hyperpod.yml").exists()
