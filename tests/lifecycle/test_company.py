"""The settings that companies require: a private network, isolation, a key and tags."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws.resources import Subnet
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME, Project, mutations
from tests.lifecycle.deployed import configure
from tests.lifecycle.deployment import ROLE, refused

ENDPOINTS = ("s3", "ecr.api", "ecr.dkr", "logs")


@dataclass
class Network:
    """A VPC with subnets in two zones, a security group, and a key; and another VPC."""

    aws: FakeAws
    vpc: str = "vpc-0000000a"
    subnets: tuple[str, ...] = ("subnet-0000000a", "subnet-0000000b")
    group: str = "sg-0000000a"
    other_subnet: str = "subnet-0000000c"
    other_group: str = "sg-0000000c"
    key: str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

    def __post_init__(self) -> None:
        self.region = self.aws.world.region("us-east-1")
        places = zip((*self.subnets, self.other_subnet), "aba", strict=True)
        self.region.subnets = {name: Subnet(self.vpc, f"us-east-1{zone}") for name, zone in places}
        self.region.subnets[self.other_subnet] = Subnet("vpc-0000000c", "us-east-1a")
        self.region.security_groups = {self.group: self.vpc, self.other_group: "vpc-0000000c"}
        self.region.keys = {self.key: "Enabled"}

    def add_endpoints(self, *names: str) -> None:
        self.region.vpc_endpoints += [(self.vpc, name) for name in names]

    def settings(self, **changed: Any) -> dict[str, str]:
        """Return the settings of an endpoint in this network, with these changes."""
        given = {"subnets": self.subnets, "security_groups": [self.group], "kms_key": self.key, **changed}
        return {name: json.dumps(value) for name, value in given.items()}


@pytest.fixture
def network(project: Project) -> Network:
    return Network(project.aws)


def findings(project: Project) -> dict[str, dict[str, str]]:
    return {item["id"]: item for item in project.do("plan", "--json").json["result"]["checks"]}


def test_the_endpoint_is_in_the_network_with_the_key_and_the_tags(project: Project, network: Network) -> None:
    network.add_endpoints(*ENDPOINTS)
    isolated = {"network_isolation": "true", "tags": '{CostCenter = "1234"}'}
    configure(project, **network.settings(), **isolated)
    found = findings(project)
    assert {found[name]["severity"] for name in ("network", "vpc-endpoints", "kms-key")} == {"ok"}
    assert network.vpc in found["network"]["seen"] and "us-east-1a, us-east-1b" in found["network"]["seen"]
    project.succeed("deploy")
    (config,) = project.aws.world.region("us-east-1").configs.values()
    assert config.request["VpcConfig"] == {"SecurityGroupIds": [network.group], "Subnets": [*network.subnets]}
    assert config.request["EnableNetworkIsolation"] is True and config.request["KmsKeyId"] == network.key
    tagged = [item.tags for item in project.aws.world.region("us-east-1").endpoints.values()]
    assert [tags["CostCenter"] for tags in tagged] == ["1234"]
    assert "no changes" in project.succeed("deploy").out
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_new_tags_reach_resources_that_exist(project: Project) -> None:
    project.succeed("deploy")
    before = len(mutations(project.aws))
    configure(project, tags='{CostCenter = "1234", Owner = "ml"}')
    done = project.succeed("deploy")
    assert mutations(project.aws)[before:] == ["AddTags"] * 4  # and the expiry of the endpoint
    assert f"tag endpoint {NAME}: tag CostCenter, Owner" in done.err
    region = project.aws.world.region("us-east-1")
    for resources in (region.endpoints, region.configs, region.components):
        for item in resources.values():
            assert (item.tags["Owner"], item.tags["mcc-project-id"]) == ("ml", project.id)
    assert "no changes" in project.succeed("deploy").out


def test_a_network_that_cannot_work_is_refused_before_the_first_change(
    project: Project, network: Network
) -> None:
    missing = "subnet-0123456789abcdef0"
    pending, absent = (f"{network.key[:-4]}{end}" for end in ("0001", "0002"))
    network.region.keys[pending] = "PendingDeletion"
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"subnets": [network.subnets[0], missing]}, "network", missing),
        ({"security_groups": [network.other_group]}, "network", "several VPCs"),
        ({"subnets": [network.subnets[0], network.other_subnet]}, "network", "several VPCs"),
        ({"kms_key": pending}, "kms-key", "PendingDeletion"),
        ({"kms_key": absent}, "kms-key", "does not exist"),
    ]
    before = mutations(project.aws)
    for changed, name, words in cases:
        configure(project, **network.settings(**changed))
        done = project.do("deploy", "--json")
        (finding,) = done.json["findings"]
        assert finding["id"] == name and done.code == 3, done.err
        assert words in finding["seen"] + finding["what"] and finding["next"], finding
    assert mutations(project.aws) == before and project.left() == []


def test_a_network_that_may_not_suffice_is_pointed_out(project: Project, network: Network) -> None:
    network.add_endpoints("s3", "logs")
    configure(project, **network.settings(subnets=network.subnets[:1]))
    found = findings(project)
    assert found["network"]["severity"] == "warning" and "one zone" in found["network"]["what"]
    assert found["vpc-endpoints"]["severity"] == "warning"
    assert f"{network.vpc} has no endpoint of ecr.api, ecr.dkr" in found["vpc-endpoints"]["what"]


def test_isolation_and_a_download_at_start_exclude_each_other(chat: Project) -> None:
    configure(chat, network_isolation="true")
    before = mutations(chat.aws)
    done = chat.do("deploy")
    assert done.code == 2 and "downloads Qwen/Qwen3-8B" in done.err and "model_data" in done.err
    settings = chat.path / "serving" / "settings.toml"
    secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf-a1b2c3"
    text = settings.read_text()
    settings.write_text(text.replace('hf_token_secret_arn = ""', f'hf_token_secret_arn = "{secret}"'))
    configure(chat, model_data='"s3://bucket/models/mine/"')
    done = chat.do("deploy")
    assert done.code == 2 and "secret in hf_token_secret_arn" in done.err
    settings.write_text(text)
    configure(chat, environment=f'{{SERVE_HF_TOKEN_SECRET_ARN = "{secret}"}}')
    done = chat.do("deploy")
    assert done.code == 2 and "secret in hf_token_secret_arn" in done.err
    settings.write_text(text.replace('model = "Qwen/Qwen3-8B"', 'model = "/opt/models/mine"'))
    configure(chat, model_data='""', environment='{SERVE_MODEL = "team/other"}')
    done = chat.do("deploy")
    assert done.code == 2 and "downloads team/other" in done.err
    assert mutations(chat.aws) == before
    settings.write_text(text)
    configure(chat, model_data='"s3://bucket/models/mine/"', environment="{}")
    assert "config-mismatch" not in chat.do("plan").err


def test_a_pipeline_role_that_admits_any_repository_is_refused(project: Project) -> None:
    """Only projects with `ci` have these two files."""
    (project.path / "iam" / "delivery.yml").touch()
    module = Path("do") / "lifecycle" / "pipeline_role.py"
    shutil.copy(Path(__file__).parents[2] / "template" / module, project.path / module)
    provider = "token.actions.githubusercontent.com"
    trust: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{provider}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{provider}:aud": "sts.amazonaws.com"}},
    }
    iam, name = project.aws.boto3_client("iam"), f"mcc-{project.id}-delivery"
    document = {"Version": "2012-10-17", "Statement": [trust]}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
    before = mutations(project.aws)
    done = project.do("deploy")
    assert done.code == 3 and f"{name} admits every repository" in " ".join(done.err.split())
    assert mutations(project.aws) == before
    trust["Condition"]["StringEquals"][f"{provider}:sub"] = "repo:team@1/model@2:environment:production"
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    project.succeed("deploy")


def test_the_fake_refuses_networks_and_keys_as_sagemaker_does(aws: FakeAws) -> None:
    network, sagemaker = Network(aws), aws.boto3_client("sagemaker")
    variant = {"VariantName": "main", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}

    def create(name: str, **more: Any) -> None:
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ExecutionRoleArn=ROLE, ProductionVariants=[variant], **more
        )

    def vpc(subnets: list[str], groups: list[str]) -> dict[str, Any]:
        return {"VpcConfig": {"Subnets": subnets, "SecurityGroupIds": groups}}

    here, there = network.key, network.key.replace("us-east-1", "eu-west-1")
    for more, words in (
        (vpc([network.other_subnet], [network.group]), "same VPC"),
        (vpc([*network.subnets], ["sg-00000000"]), "does not exist"),
        (vpc(["subnet-00000000"], [network.group]), "does not exist"),
        (vpc([*network.subnets] * 9, [network.group]), "less than or equal to 16"),
        ({"KmsKeyId": there}, "does not exist in us-east-1"),
        ({"KmsKeyId": here[:-4] + "0000"}, "does not exist"),
    ):
        code, message = refused(lambda more=more: create("no", **more))  # type: ignore[misc]
        assert code == "ValidationException" and words in message
    create("yes", **vpc([*network.subnets], [network.group]), KmsKeyId=here, EnableNetworkIsolation=True)
    network.region.keys[here] = "Disabled"
    assert "not enabled" in refused(lambda: create("no", KmsKeyId=here))[1]


def test_a_stack_can_have_another_role_name_path_and_boundary(rendered: Path) -> None:
    text = (rendered / "iam" / "stack.yml").read_text()
    for words in ("RoleName: !Ref RoleName", "Path: !Ref RolePath", "!Ref PermissionsBoundary, !Ref AWS"):
        assert words in text
    assert "aws:SecureTransport: false" in text
