"""A serverless endpoint: from a project to the endpoint and back, and what SageMaker rejects."""

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME, Project, mutations
from tests.lifecycle.conftest import copied, lend_environment, render, write_examples
from tests.lifecycle.deployed import configure
from tests.lifecycle.forks import Forks

SERVERLESS = {"deployment_target": "serverless-inference"}


@pytest.fixture(scope="module")
def serverless_project(template: Path, rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("serverless") / NAME
    render(template, path, **SERVERLESS)
    write_examples(path)
    lend_environment(rendered, path)
    return path


@pytest.fixture
def serverless(serverless_project: Path, aws: FakeAws, tmp_path: Path, quick_commands: Forks) -> Project:
    """Return a project of a serverless endpoint, ready to be deployed."""
    return Project(copied(serverless_project, tmp_path / NAME), aws, forks=quick_commands)


def config_of(project: Project) -> dict[str, Any]:
    """Return the configuration in use."""
    sagemaker = project.aws.boto3_client("sagemaker")
    name = sagemaker.describe_endpoint(EndpointName=NAME)["EndpointConfigName"]
    described: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    return described


def test_from_nothing_to_an_endpoint_and_back(serverless: Project) -> None:
    planned = serverless.succeed("plan", "--json").json["result"]
    assert [step["kind"] for step in planned["steps"]] == ["model", "endpoint config", "endpoint"]
    assert planned["usd"] == {"billing": "per request", "provisioned_concurrency": 0}
    template = serverless.path / "endpoint.yml"
    serverless.succeed("plan", "--template", str(template))
    lint = subprocess.run(["cfn-lint", "--", str(template)], capture_output=True, text=True)
    assert lint.returncode == 0 and "MemorySizeInMB: 2048" in template.read_text(), lint.stdout
    serverless.aws.settings.cold_calls = 2
    first = serverless.succeed("deploy", "--json")
    assert first.json["result"]["test"]["predictions"] == [1.5] and "starting the container" in first.err
    variant = config_of(serverless)["ProductionVariants"][0]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 10}
    assert serverless.aws.light.started[0].environment == {"SERVING_WORKERS": "1"}
    before = mutations(serverless.aws)
    assert "no changes" in serverless.succeed("deploy").out and mutations(serverless.aws) == before
    configure(serverless, memory_mib="4096", provisioned_concurrency="2")
    serverless.push("two")
    changed = serverless.succeed("deploy").out
    assert "update endpoint" in changed and "delete model" in changed and "delete endpoint config" in changed
    assert config_of(serverless)["ProductionVariants"][0]["ServerlessConfig"]["ProvisionedConcurrency"] == 2
    rows = serverless.succeed("status", "--json").json["result"]["resources"]
    assert sorted(row["kind"] for row in rows) == ["endpoint", "endpoint config", "model"]
    assert "starting" in serverless.succeed("logs").out
    assert "billed per request" in serverless.succeed("clean", "--yes").err
    assert serverless.left() == []


REJECTED: dict[str, tuple[dict[str, str], str]] = {
    "memory between two sizes": ({"memory_mib": "1500"}, "memory_mib is 1500"),
    "too much memory": ({"memory_mib": "8192"}, "memory_mib is 8192"),
    "no concurrency": ({"max_concurrency": "0"}, "max_concurrency is 0"),
    "too much concurrency": ({"max_concurrency": "201"}, "max_concurrency is 201"),
    "more provisioned than concurrent": ({"provisioned_concurrency": "11"}, "exceeds max_concurrency 10"),
    "a model of many files": ({"model_data": '"s3://bucket/mine/"'}, "loads one archive"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_settings_that_sagemaker_rejects_change_nothing(serverless: Project, name: str) -> None:
    settings, words = REJECTED[name]
    configure(serverless, **settings)
    for verb in ("plan", "deploy"):
        done = serverless.do(verb)
        assert done.code == 2 and words in done.err
    assert mutations(serverless.aws) == serverless.made_by_the_test


def test_a_setting_of_instances_is_unknown(serverless: Project) -> None:
    done = serverless.do("plan", "--set", "instance_count=2")
    assert done.code == 2 and "instance_count is not a setting" in done.err


def test_an_endpoint_that_does_not_start_is_reported_and_replaced(serverless: Project) -> None:
    serverless.aws.light.exits_saying = "ModuleNotFoundError: No module named 'sklearn'"
    first = serverless.do("deploy")
    assert first.code == 4 and "did not pass the ping health check" in first.err
    assert "No module named 'sklearn'" in first.err and f"left: endpoint {NAME} (Failed)" in first.err
    serverless.aws.light.exits_saying = None
    assert f"delete endpoint {NAME}" in serverless.succeed("deploy").out


def test_an_update_that_does_not_start_is_rolled_back(serverless: Project) -> None:
    serverless.succeed("deploy")
    before = config_of(serverless)["EndpointConfigName"]
    serverless.aws.light.healthy = False
    serverless.aws.settings.startup_limit_seconds = 0.3
    configure(serverless, memory_mib="3072")
    done = serverless.do("deploy")
    assert done.code == 4 and "rolled-back" in done.err
    assert config_of(serverless)["EndpointConfigName"] == before
    serverless.succeed("test", "--remote")


def test_an_image_that_is_too_large_is_refused_before_a_change(serverless: Project) -> None:
    images: Any = serverless.aws.world.images
    manifest = images.manifest(NAME, "latest")
    body = manifest.body.replace(b'"size": 1000000', b'"size": 11000000000')
    images._manifests[NAME, images.tags(NAME)["latest"]] = type(manifest)(manifest.media_type, body)
    done = serverless.do("deploy")
    assert done.code == 3 and "too large for serverless inference" in done.err
    assert mutations(serverless.aws) == serverless.made_by_the_test


def test_a_quota_of_concurrency_is_reported(serverless: Project) -> None:
    serverless.aws.settings.serverless_concurrency = 5
    done = serverless.do("deploy")
    assert done.code == 3 and "Maximum total concurrency" in done.err and "left: model" in done.err


def test_an_endpoint_of_another_target_is_not_converted(
    serverless: Project, rendered: Path, tmp_path: Path
) -> None:
    of_components = copy.copy(serverless)
    of_components.path = copied(rendered, tmp_path / "components" / NAME)
    same = ("--set", f"project_id={serverless.id}")
    of_components.succeed("deploy", *same)
    refused = serverless.do("deploy")
    assert refused.code == 3 and "of another deployment target" in refused.err and "do/clean" in refused.err
    serverless.succeed("clean", "--yes")
    assert serverless.left() == []
    serverless.succeed("deploy")
    reverse = of_components.do("deploy", *same)
    assert reverse.code == 3 and "of another deployment target" in reverse.err


def test_a_request_over_the_payload_is_reported(serverless: Project) -> None:
    serverless.succeed("deploy")
    rows = serverless.path / "rows.csv"
    rows.write_bytes(b"1,2,3,4,5,6,7,8\n" * 300_000)
    done = serverless.do("test", "--remote", "--data", str(rows))
    assert done.code in (3, 4) and "longer than 4194304 bytes" in done.err
