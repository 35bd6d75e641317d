"""The policy of each command allows exactly its calls: none is denied, and no permission is unused.

Every command runs with only its policy through all of its cases; its calls are compared with iam/.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.fakes.aws.permissions import DOCKER_PUSH
from tests.fakes.aws.server import FakeAws
from tests.lifecycle import stack
from tests.lifecycle.commands import NAME, ROLE, TRUST, Project
from tests.lifecycle.conftest import lend_environment, render, write_examples
from tests.lifecycle.deployed import configure
from tests.lifecycle.forks import Forks
from tests.lifecycle.projects import StubbedProject
from tests.lifecycle.test_company import Network

# Actions without a call of a command: the container engine pushes, and AWS creates service roles. A plan
# lists the tags of resources that the index of tags does not have.
UNSEEN = {
    "push": set(DOCKER_PUSH),
    "deploy": {"iam:CreateServiceLinkedRole"},
    "plan": {"sagemaker:ListTags"},
}
OF_THE_BUILD = {"ecr:GetAuthorizationToken"}  # with the role of the build, while do/submit waits
# An endpoint of components, which an earlier deployment target can have left: all commands find its scaling,
# and do/clean deletes it.
READ_FROM_COMPONENTS = {
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:ListTagsForResource",
    "cloudwatch:ListTagsForResource",
}
DELETED_WITH_COMPONENTS = {
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeregisterScalableTarget",
    "cloudwatch:DeleteAlarms",
    "sagemaker:DeleteInferenceComponent",
}
# do/clean looks for builds, which this project does not have.
OF_BUILDS = {
    "codebuild:DeleteProject",
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "s3:DeleteBucket",
    "s3:DeleteObject",
    "s3:ListBucket",
}
SETTINGS = Path("do") / "config.toml"
Made = Callable[..., StubbedProject]


@dataclass
class Recorder:
    """Runs commands with only their policies, and records their calls."""

    allowed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    called: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @contextmanager
    def of(self, project: Project, verb: str) -> Iterator[None]:
        """Enforce the policy of a command."""
        document = project.succeed("doctor", "--policy", verb, "--account", "123456789012").out
        self.allowed[verb] |= {a for s in json.loads(document)["Statement"] for a in s["Action"]}
        before = len(project.aws.calls)
        project.aws.enforce(document)
        yield
        project.aws.enforce()
        self.called[verb] |= {action for call in project.aws.calls[before:] for action in call.actions}

    def run(self, project: Project, verb: str, *options: str, code: int = 0) -> None:
        """Run a command with its policy; it must end with `code`, without a denied call."""
        with self.of(project, verb):
            done = project.do(verb, *options)
        assert done.code == code, done.err
        assert "not authorized" not in done.err + done.out, done.err


@pytest.fixture
def made(template: Path, rendered: Path, aws: FakeAws, quick_commands: Forks) -> Made:
    """Return a function that makes a project with a model and examples, in an account with only a role."""
    return partial(ready, template, rendered, aws, quick_commands)


def ready(
    template: Path, rendered: Path, aws: FakeAws, forks: Forks, folder: Path, **answers: Any
) -> StubbedProject:
    path = folder / NAME
    render(template, path, **answers)
    lend_environment(rendered, path)
    if (path / "sample_model").exists():
        write_examples(path)
    project = StubbedProject(path, aws, forks=forks)
    stub = {name: value for name, value in project.environment.items() if name.startswith("STUB_")}
    aws.settings.build_environment.update(stub)
    roles = aws.boto3_client("iam")
    roles.create_role(Path="/service-role/", RoleName="exec", AssumeRolePolicyDocument=json.dumps(TRUST))
    assert f'role_arn = "{ROLE}"' in (path / SETTINGS).read_text()
    return project


@pytest.mark.slow
def test_calls_and_policies_are_the_same(made: Made, aws: FakeAws, tmp_path: Path) -> None:
    recorder = Recorder()
    predictive(recorder, made(tmp_path / "one", build_target="codebuild"))
    aws.reset()
    s3 = {"model_name": "s3://team-models/mine/", "model_parameters": "7", "offline": True}
    engine = {"deployment_config": "transformers-vllm", "build_target": "codebuild"}
    chat = made(tmp_path / "two", **engine, **s3)
    language_model(recorder, chat)
    aws.reset()
    company(recorder, made(tmp_path / "three"))
    verbs = recorder.allowed.items()
    recorder.called["submit"] -= OF_THE_BUILD
    called = {verb: recorder.called[verb] | UNSEEN.get(verb, set()) for verb, _ in verbs}
    assert {verb: called[verb] - allowed for verb, allowed in verbs if called[verb] - allowed} == {}
    assert {verb: allowed - called[verb] for verb, allowed in verbs if allowed - called[verb]} == {}
    all_verbs = {"token", "push", "submit", "plan", "deploy", "status", "logs", "test", "clean", "doctor"}
    assert set(recorder.allowed) == all_verbs


@pytest.mark.slow
def test_calls_and_policies_of_a_serverless_endpoint_are_the_same(made: Made, tmp_path: Path) -> None:
    recorder = Recorder()
    project = made(tmp_path, deployment_target="serverless-inference")
    project.succeed("push")
    recorder.run(project, "doctor")
    project.aws.light.exits_saying = "exec format error"
    recorder.run(project, "deploy", code=4)
    project.aws.light.exits_saying = None
    recorder.run(project, "deploy")  # deletes the failed endpoint
    recorder.run(project, "deploy", *given(memory_mib="4096", expires_after_hours="0"))
    recorder.run(project, "deploy", *given(memory_mib="4096", environment='{A="1"}'))  # another model
    recorder.run(project, "plan")
    recorder.run(project, "status", "--all-regions")
    recorder.run(project, "logs")
    recorder.run(project, "logs", "--explain")
    recorder.run(project, "test", "--remote")
    with recorder.of(project, "clean"):
        project.succeed("clean", "--yes", "--images", "--logs")
    assert project.left() == []
    recorder.called["plan"] |= UNSEEN["plan"]
    unused = {verb: allowed - recorder.called[verb] for verb, allowed in recorder.allowed.items()}
    assert set().union(*(unused[verb] for verb in unused if verb != "clean")) == READ_FROM_COMPONENTS
    assert unused["clean"] - READ_FROM_COMPONENTS == DELETED_WITH_COMPONENTS | OF_BUILDS


@pytest.mark.slow
def test_calls_and_policies_of_batch_transform_jobs_are_the_same(
    made: Made, aws: FakeAws, tmp_path: Path
) -> None:
    recorder = Recorder()
    project = made(tmp_path, deployment_target="batch-transform")
    network = Network(aws)
    aws.boto3_client("s3").create_bucket(Bucket=f"mcc-{project.id}-123456789012-us-east-1")
    data = project.path / "rows.csv"
    data.write_text("1,2,3\n4,5,6\n")
    project.succeed("push")
    configure(project, **network.settings())
    recorder.run(project, "doctor")
    recorder.run(project, "plan")
    aws.fault("throttle", "sagemaker", "CreateModel", times=3)
    recorder.run(project, "deploy", code=4)
    recorder.run(project, "deploy")
    recorder.run(project, "deploy", *given(environment='{A="1"}', tags='{Owner="ml"}'))  # another model
    recorder.run(project, "deploy", *given(environment='{A="1"}', tags='{Owner="data"}'))
    recorder.run(project, "batch", str(data))
    recorder.run(project, "test", "--remote")
    recorder.run(project, "batch", f"s3://{project.path.name}-of-others/rows.csv", code=4)
    project.aws.settings.job_seconds = 3600
    recorder.run(project, "batch", str(data), "--force", *given(wait_seconds="0.1"), code=5)
    recorder.run(project, "test", "--remote", *given(wait_seconds="0.1"), code=5)
    recorder.run(project, "deploy", *given(environment='{A="1"}', tags='{Owner="data"}'))
    recorder.run(project, "plan", *given(environment='{A="2"}'))
    recorder.run(project, "status", "--all-regions")
    recorder.run(project, "logs")
    with recorder.of(project, "clean"):
        project.succeed("clean", "--yes", "--images", "--logs")
    assert project.left() == []
    recorder.called["plan"] |= UNSEEN["plan"]
    unused = {verb: allowed - recorder.called[verb] for verb, allowed in recorder.allowed.items()}
    read = READ_FROM_COMPONENTS | {"sagemaker:DescribeEndpointConfig"}
    assert set().union(*(unused[verb] for verb in unused if verb != "clean")) == read
    endpoints = {"sagemaker:DeleteEndpoint", "sagemaker:DeleteEndpointConfig", "logs:DeleteLogGroup"}
    others = OF_BUILDS - {"s3:ListBucket"}  # the bucket of the data has the name of that of builds
    assert unused["clean"] - read == DELETED_WITH_COMPONENTS | others | endpoints


def given(**settings: str) -> list[str]:
    """Return the options that set these settings."""
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def predictive(recorder: Recorder, project: StubbedProject) -> None:
    """Run every kind of change, from an empty account to an empty account."""
    recorder.run(project, "push")
    recorder.run(project, "push")
    stack.create(project.aws, project.path)
    submit(recorder, project)
    submit(recorder, project)
    recorder.run(project, "doctor")
    recorder.run(project, "plan")
    project.aws.fault("no capacity", "sagemaker", "CreateEndpoint")
    recorder.run(project, "deploy", code=4)
    project.aws.forget_calls()
    project.aws.light.exits_saying = "exec format error"
    recorder.run(project, "deploy", code=4)  # deletes the failed endpoint; the component fails
    project.aws.light.exits_saying = None
    recorder.run(project, "deploy")  # deletes the failed component
    more = given(max_usd_per_hour="9", max_instance_count="3")
    recorder.run(project, "deploy", *more, *given(copies="2", max_copies="2"))
    more += given(instance_count="2")
    scaled = [*more, *given(scale_to_zero="true", max_copies="3")]
    recorder.run(project, "deploy", *scaled, *given(expires_after_hours="0"))
    recorder.run(project, "plan", *scaled)
    recorder.run(project, "status", "--all-regions")
    recorder.run(project, "logs")
    recorder.run(project, "logs", "--explain")
    recorder.run(project, "test", "--remote")
    recorder.run(project, "deploy", *more)  # deletes the scaling
    recorder.run(project, "deploy", *scaled)
    iam = project.aws.boto3_client("iam")
    statement = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = iam.create_policy(PolicyName="of-a-person", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=f"mcc-{project.id}-codebuild", PolicyArn=arn)
    stack.forget(project.aws, project.path)
    recorder.run(project, "clean", "--yes", "--images", "--logs")
    assert project.left() == []


def language_model(recorder: Recorder, project: StubbedProject) -> None:
    """Make the calls of a model on S3."""
    s3 = project.aws.boto3_client("s3")
    s3.create_bucket(Bucket="team-models")
    s3.put_object(Bucket="team-models", Key="mine/config.json", Body=b"{}")
    stack.create(project.aws, project.path)
    submit(recorder, project)
    recorder.run(project, "doctor")
    recorder.run(project, "deploy")
    recorder.run(project, "plan", *given(environment='{SERVING_MAX_NUM_SEQS="8"}'))
    recorder.run(project, "status")
    recorder.run(project, "deploy", *given(environment='{SERVING_MAX_NUM_SEQS="8"}'))
    recorder.run(project, "test", "--remote")
    recorder.run(project, "test", "--remote", "--openai")
    recorder.run(project, "test", "--remote", "--stream")
    recorder.run(project, "deploy", "--stream", *given(environment='{SERVING_MAX_NUM_SEQS="8"}'))
    with recorder.of(project, "token"):
        token = project.answer("token")["result"]
        client = openai.OpenAI(base_url=token["base_url"], api_key=token["token"], max_retries=0)
        client.chat.completions.create(model="", messages=[{"role": "user", "content": "Hi"}])
    recorder.run(project, "clean", "--yes")
    stack.delete(project.aws, project.path)
    assert project.left() == []


def company(recorder: Recorder, project: StubbedProject) -> None:
    """Make the calls of an endpoint in a private network, with a key."""
    recorder.run(project, "push")
    configure(project, **Network(project.aws).settings())
    for verb in ("doctor", "plan", "deploy"):
        recorder.run(project, verb)
    recorder.run(project, "clean", "--yes")


def submit(recorder: Recorder, project: StubbedProject) -> None:
    """Build in CodeBuild, whose builds run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", project.environment["PATH"])
        recorder.run(project, "submit")
