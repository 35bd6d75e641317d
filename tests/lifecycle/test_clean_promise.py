"""The kinds of resources that do/clean declares are those that it finds, deletes and proves to be gone.

One resource of each kind is created, and another of a different project. docs/reference/clean.md is generated
from the same declaration.
"""

import json
from typing import Any

from lifecycle.sagemaker.kinds import KINDS

from tests.fakes.aws.calls import Call
from tests.lifecycle.commands import NAME, Project
from tests.lifecycle.deployed import configure, make_builds

OTHER = "payments"  # a project of another team
TAGS = {"mcc-project": OTHER, "mcc-project-id": "someone1"}
LISTED = [{"Key": key, "Value": value} for key, value in TAGS.items()]
ROLE = "arn:aws:iam::123456789012:role/service-role/exec"
# Calls that read the tags of a resource that another call found, or the content of one that is being deleted.
DETAILS = ("ListTags", "ListTagsForResource", "GetResources", "ListRolePolicies", "ListAttachedRolePolicies")


def plant(project: Project) -> None:
    """Create one resource of each kind."""
    s3 = project.aws.boto3_client("s3")
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key="mine/model.onnx", Body=b"x")
    configure(project, scale_to_zero="true", model_data='"s3://models/mine/"')
    project.succeed("deploy")
    make_builds(project)
    iam = project.aws.boto3_client("iam")
    statement = {"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    policy = iam.create_policy(PolicyName="of-the-team", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=f"mcc-{project.id}-codebuild", PolicyArn=policy)


def plant_others(project: Project) -> list[str]:
    """Create one resource of each kind of another project, and return their ARNs."""
    before = set(project.aws.resources())
    client = project.aws.boto3_client
    sagemaker, scaling = client("sagemaker"), client("application-autoscaling")
    variant = {"VariantName": "main", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    config, model = f"{OTHER}-0123abcd", f"{OTHER}-4567cdef"
    sagemaker.create_endpoint_config(
        EndpointConfigName=config, ExecutionRoleArn=ROLE, ProductionVariants=[variant], Tags=LISTED
    )
    sagemaker.create_endpoint(EndpointName=OTHER, EndpointConfigName=config, Tags=LISTED)
    image = project.aws.boto3_client("ecr").describe_repositories()["repositories"][0]["repositoryUri"]
    container = {"Image": f"{image}:latest"}
    sagemaker.create_model(ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer=container, Tags=LISTED)
    while sagemaker.describe_endpoint(EndpointName=OTHER)["EndpointStatus"] != "InService":
        pass
    needs = {"MinMemoryRequiredInMb": 128}
    sagemaker.create_inference_component(
        InferenceComponentName=OTHER,
        EndpointName=OTHER,
        VariantName="main",
        Specification={"Container": container, "ComputeResourceRequirements": needs},
        RuntimeConfig={"CopyCount": 1},
        Tags=LISTED,
    )
    # Its container creates a log group when it starts.
    named = {"InferenceComponentName": OTHER}
    while sagemaker.describe_inference_component(**named)["InferenceComponentStatus"] != "InService":
        pass
    target = {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
        "ResourceId": f"inference-component/{OTHER}",
    }
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2, Tags=TAGS)
    metric = {"PredefinedMetricType": "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"}
    policy = {"TargetValue": 4.0, "PredefinedMetricSpecification": metric}
    tracking = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": policy}
    scaling.put_scaling_policy(**target, PolicyName=f"{OTHER}-load", **tracking)
    alarm: dict[str, Any] = {"MetricName": "Invocations", "Namespace": "AWS/SageMaker", "Period": 60}
    alarm |= {"EvaluationPeriods": 1, "Threshold": 1.0, "Statistic": "Sum"}
    alarm |= {"ComparisonOperator": "GreaterThanThreshold", "AlarmName": f"{OTHER}-from-zero"}
    client("cloudwatch").put_metric_alarm(**alarm, Tags=LISTED)
    make_builds(project, OTHER, TAGS["mcc-project-id"])
    client("ecr").create_repository(repositoryName=OTHER, tags=LISTED)
    client("logs").create_log_group(logGroupName=f"/aws/sagemaker/Endpoints/{NAME}-2")
    return [arn for arn in project.aws.resources() if arn not in before]


def named(call: Call) -> str:
    return f"{call.service}.{call.operation}"


def pascal(call: str) -> str:
    """Return a declared call as the fake AWS records it."""
    service, _, operation = call.partition(".")
    return f"{service}.{operation.title().replace('_', '')}"


def test_one_resource_of_each_kind_is_found_deleted_and_proven_gone(project: Project) -> None:
    kept = set(project.aws.resources())
    plant(project)
    theirs = plant_others(project)
    project.aws.forget_calls()
    done = project.succeed("clean", "--yes", "--images", "--logs", "--json").json["result"]
    calls = project.aws.calls
    longest_first = sorted(KINDS, key=len, reverse=True)
    kinds = [next(kind for kind in longest_first if name.startswith(f"{kind} ")) for name in done["removed"]]
    assert list(dict.fromkeys(kinds)) == list(KINDS), "plant() must create one resource of each kind"
    assert done["left"] == []
    left = set(project.aws.resources())
    assert left >= set(theirs) and len(theirs) >= len(KINDS) - 1  # build sources have no ARN
    of_the_team = {"arn:aws:s3:::models", "arn:aws:iam::123456789012:policy/of-the-team"}
    assert left - set(theirs) <= kept | of_the_team

    declared = {pascal(name) for kind in KINDS.values() for name in [*kind.empties, kind.delete]}
    assert {named(call) for call in calls if call.mutating} == declared
    finds = {name: {pascal(call) for call in kind.finds} for name, kind in KINDS.items()}
    read = {named(call) for call in calls if not call.mutating and call.operation not in DETAILS}
    all_finds = {call for some in finds.values() for call in some}
    assert read - {"sts.GetCallerIdentity", "s3.ListObjectsV2"} <= all_finds
    assert all_finds <= {named(call) for call in calls}
    last = max(number for number, call in enumerate(calls) if call.mutating)
    proof = {named(call) for call in calls[last + 1 :] if call.operation not in DETAILS}
    unproven = [name for name, some in finds.items() if not some & proof]
    assert unproven == ["scaling policy"] or not unproven  # AWS deletes policies with their target
