"""Settings of an endpoint: limits from the model's bytes, memory and GPUs from the sizing, the price."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.errors.errors import InvalidAnswer, UnsizableModel
from extensions.mcc.interview.requirements import LanguageModelRequirements, PredictiveRequirements
from extensions.mcc.models import model_config
from extensions.mcc.targets import hosting

IMAGE = "python:3.12-slim"
PREDICTIVE = PredictiveRequirements("sklearn", "throughput", model_path="", image=IMAGE)
FIL = replace(PREDICTIVE, framework="triton-fil", image=catalog.default_image("triton-fil"))


def chat(checkpoint_bytes: int | None, name: str = "team/model") -> LanguageModelRequirements:
    known = model_config.from_catalog(catalog.models()["Qwen/Qwen3-8B"]).answer()
    shape = known | {"checkpoint_bytes": checkpoint_bytes} if checkpoint_bytes else None
    model = {"name": name, "revision": "", "commit": "", "source": "test", "shape": shape}
    image = catalog.default_image("transformers-vllm")
    return LanguageModelRequirements(
        server="transformers-vllm",
        model=model,
        parameters="",
        dtype="none",
        image=image,
        profile="balanced",
        kv_cache_dtype="auto",
        max_model_len=8192,
        max_concurrency=16,
    )


def test_a_predictive_model() -> None:
    found = hosting.hosting(PREDICTIVE, "ml.m5.large", {}, 2)
    assert found["accelerators"] == 0 and found["ami"] == "" and 256 <= found["memory_mib"] <= 1024
    assert (found["startup_seconds"], found["download_seconds"]) == (300, 300)
    assert (found["copies"], found["max_instance_count"]) == (2, 3)
    assert found["usd_per_hour"] == 0.115 and not found["price_estimated"]
    assert found["max_usd_per_hour"] == pytest.approx(0.35)


@pytest.mark.parametrize(
    ("gigabytes", "name", "startup", "download"),
    [
        (16, "team/model", 720, 300),
        (140, "team/model", 3600, 300),
        (1000, "team/model", 3600, 300),
        (16, "s3://bucket/models/mine", 420, 480),
    ],
)
def test_limits_grow_with_the_model_and_with_where_it_lies(
    gigabytes: int, name: str, startup: int, download: int
) -> None:
    found = hosting.hosting(chat(gigabytes * 10**9, name), "ml.g5.12xlarge", {"tensor_parallel_size": 4}, 1)
    assert (found["startup_seconds"], found["download_seconds"]) == (startup, download)
    assert found["model_data"] == ("s3://bucket/models/mine/" if name.startswith("s3") else "")


def test_spare_gpus_become_copies_and_an_unknown_size_gets_all_the_time() -> None:
    found = hosting.hosting(chat(16 * 10**9), "ml.g5.12xlarge", {"tensor_parallel_size": 2}, 3)
    assert (found["copies"], found["accelerators"]) == (6, 2)
    assert (
        hosting.hosting(chat(None), "ml.g5.xlarge", {"tensor_parallel_size": 1}, 1)["startup_seconds"] == 3600
    )


@pytest.mark.parametrize("instance_type", [name for name in catalog.instances() if "ml.g" in name])
def test_a_copy_with_gpus_reserves_what_every_type_places(instance_type: str) -> None:
    found = hosting.hosting(chat(16 * 10**9), instance_type, {"tensor_parallel_size": 1}, 1)
    assert found["memory_mib"] == 1024


@pytest.mark.parametrize("framework", catalog.frameworks())
def test_a_copy_without_gpus_reserves_no_more_than_is_known_to_be_placed(framework: str) -> None:
    for name, instance in catalog.instances().items():
        if instance.kind in ("cpu", "gpu"):
            found = hosting.hosting(replace(PREDICTIVE, framework=framework), name, {}, 1)
            assert 256 <= found["memory_mib"] <= max(256, min(1024, instance.memory_gib * 256)), name


def test_a_triton_backend_on_gpus_has_one_for_each_copy_and_a_driver() -> None:
    for config in ("triton-fil", "triton-onnxruntime", "triton-pytorch", "triton-tensorflow"):
        required = replace(FIL, framework=config, image=catalog.default_image(config))
        found = hosting.hosting(required, "ml.g5.12xlarge", {}, 1)
        assert (found["accelerators"], found["copies"], found["memory_mib"]) == (1, 4, 1024)
        assert found["ami"] in catalog.driver_amis() and found["ami_cuda"]
    on_cpus = hosting.hosting(FIL, "ml.m5.xlarge", {}, 1)
    assert (on_cpus["accelerators"], on_cpus["ami"]) == (0, "")


def test_no_component_with_gpus_lacks_a_driver() -> None:
    configs = [*catalog.servers(), *catalog.triton()]
    for config in configs:
        llm = config in catalog.servers() or config in ("triton-vllm", "triton-tensorrtllm")
        image = catalog.default_image(config)
        required = replace(chat(10**9), server=config) if llm else replace(FIL, framework=config)
        settings = {"tensor_parallel_size": 1} if llm else {}
        found = hosting.hosting(replace(required, image=image), "ml.g6.xlarge", settings, 1)
        assert bool(found["accelerators"]) == bool(found["ami"]), config


def test_stored_values_that_sagemaker_rejects_are_worked_out_again() -> None:
    kept = hosting.hosting(FIL, "ml.g5.xlarge", {}, 1)
    assert hosting.stale_hosting(kept, FIL, "ml.g5.xlarge", 1) == ""
    for wrong in ({"memory_mib": 6144}, {"ami": ""}):
        assert hosting.stale_hosting({**kept, **wrong}, FIL, "ml.g5.xlarge", 1) == "SageMaker rejects this"


def test_a_type_that_the_catalog_has_dropped_has_no_price_and_no_ceiling() -> None:
    found = hosting.hosting(chat(16 * 10**9), "ml.g99.xlarge", {"tensor_parallel_size": 1}, 1)
    assert (found["usd_per_hour"], found["max_usd_per_hour"]) == (0.0, 0.0)


def test_it_is_stale_for_another_model_or_other_instances() -> None:
    kept = hosting.hosting(PREDICTIVE, "ml.m5.large", {}, 1)
    assert hosting.stale_hosting(kept, PREDICTIVE, "ml.m5.large", 1) == ""
    assert hosting.stale_hosting(kept, PREDICTIVE, "ml.m5.large", 2)
    assert hosting.stale_hosting(kept, PREDICTIVE, "ml.m5.xlarge", 1)
    assert hosting.stale_hosting(kept, replace(PREDICTIVE, model_path="x.pkl"), "ml.m5.large", 1)


BATCH = replace(PREDICTIVE, target="batch-transform")


def test_a_job_sends_a_request_to_each_worker_within_the_limit_of_sagemaker() -> None:
    found = hosting.hosting(BATCH, "ml.c6i.large", {}, 2)
    assert (found["max_concurrent_transforms"], found["max_payload_mb"]) == (2, 6)
    assert found["max_usd_per_hour"] == pytest.approx(2 * found["usd_per_hour"], abs=0.01)
    large = hosting.hosting(BATCH, "ml.c6i.32xlarge", {}, 1)
    assert large["max_concurrent_transforms"] == 16, "100 MB at once"
    latency = hosting.hosting(replace(BATCH, profile="latency"), "ml.c6i.32xlarge", {}, 1)
    assert latency["max_concurrent_transforms"] == 1
    assert hosting.stale_hosting(found, BATCH, "ml.c6i.large", 2) == ""
    assert hosting.stale_hosting(found, BATCH, "ml.c6i.large", 1)
    assert hosting.stale_hosting(found, PREDICTIVE, "ml.c6i.large", 2)


SERVERLESS = replace(PREDICTIVE, target="serverless-inference")


def test_a_serverless_endpoint_has_memory_for_one_worker(tmp_path: Path) -> None:
    found = hosting.hosting(SERVERLESS, "", {}, 0)
    assert found["memory_mib"] == 2048 and "usd_per_hour" not in found
    assert hosting.stale_hosting(found, SERVERLESS, "", 0) == ""
    assert hosting.stale_hosting(found, PREDICTIVE, "ml.m5.large", 1)
    model = tmp_path / "model.pkl"
    for gigabyte, mib in ((1, 3072), (3, None)):
        with model.open("wb") as file:
            file.truncate(gigabyte * 10**9)
        large = replace(SERVERLESS, model_path=str(model))
        if mib:
            assert hosting.hosting(large, "", {}, 0)["memory_mib"] == mib
        else:
            with pytest.raises(InvalidAnswer, match="at most 6 GiB"):
                hosting.hosting(large, "", {}, 0)


def test_a_broken_stored_answer_is_told() -> None:
    with pytest.raises(UnsizableModel):
        hosting.hosting(replace(chat(None), model={"name": "x"}), "ml.g5.xlarge", {}, 1)


def test_ids_of_projects_differ_whoever_makes_them_and_wherever() -> None:
    ids = {hosting.new_project_id() for _ in range(1000)}
    assert len(ids) == 1000 and all(re.fullmatch("[a-f][0-9a-f]{7}", found) for found in ids)
