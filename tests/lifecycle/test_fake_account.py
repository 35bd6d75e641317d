"""The fake AWS without SageMaker: images, scaling, quotas, prices, tags, simulated policies."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.fakes.aws.images import DOCKER_MANIFEST, OCI_INDEX
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.deployment import IMAGE, Deployment, refused

SCALED = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "inference-component/component",
    "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
}
TRACKING = {
    "TargetValue": 5.0,
    "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
    },
}

EXPIRY = {
    "rulePriority": 1,
    "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
    "action": {"type": "expire"},
}


def test_images_are_those_that_were_pushed(aws: FakeAws) -> None:
    ecr = aws.boto3_client("ecr")
    which = {"repositoryName": "model", "imageIds": [{"imageTag": "v1"}]}
    assert refused(lambda: ecr.describe_images(**which))[0] == "RepositoryNotFoundException"
    scanning = {"scanOnPush": True}
    ecr.create_repository(
        repositoryName="model", imageScanningConfiguration=scanning, tags=[{"Key": "a", "Value": "b"}]
    )
    assert (
        refused(lambda: ecr.create_repository(repositoryName="model"))[0]
        == "RepositoryAlreadyExistsException"
    )
    assert refused(lambda: ecr.create_repository(repositoryName="Upper"))[0] == "InvalidParameterException"
    ecr.put_lifecycle_policy(repositoryName="model", lifecyclePolicyText=json.dumps({"rules": [EXPIRY]}))
    assert refused(lambda: ecr.describe_images(**which))[0] == "ImageNotFoundException"
    assert ecr.batch_get_image(**which)["failures"][0]["failureCode"] == "ImageNotFound"

    digest = aws.push("model", "v1", architecture="arm64")
    detail = ecr.describe_images(**which)["imageDetails"][0]
    assert (detail["imageDigest"], detail["imageTags"]) == (digest, ["v1"])
    assert (detail["imageManifestMediaType"], detail["imageScanStatus"]["status"]) == (
        DOCKER_MANIFEST,
        "COMPLETE",
    )
    image = ecr.batch_get_image(**which)["images"][0]
    config = json.loads(image["imageManifest"])["config"]["digest"]
    url = ecr.get_download_url_for_layer(repositoryName="model", layerDigest=config)["downloadUrl"]
    assert json.loads(urllib.request.urlopen(url).read())["architecture"] == "arm64"
    assert ecr.batch_get_image(**which, acceptedMediaTypes=[OCI_INDEX])["images"] == []
    assert ecr.list_images(repositoryName="model")["imageIds"] == [{"imageDigest": digest, "imageTag": "v1"}]

    assert refused(lambda: ecr.delete_repository(repositoryName="model"))[0] == "RepositoryNotEmptyException"
    assert ecr.batch_delete_image(**which)["imageIds"][0]["imageDigest"] == digest
    ecr.delete_repository(repositoryName="model")
    assert aws.resources() == []


def test_an_image_needs_its_repository(deployment: Deployment) -> None:
    deployment.aws.boto3_client("ecr").delete_repository(repositoryName="model", force=True)
    deployment.config()
    deployment.endpoint()
    deployment.component()
    assert deployment.component_settled() == "Failed"
    assert deployment.described()["FailureReason"] == f"Requested image {IMAGE} not found."


def test_a_component_is_scaled_only_when_it_exists(deployment: Deployment) -> None:
    scaling = deployment.aws.boto3_client("application-autoscaling")
    register = partial(scaling.register_scalable_target, **SCALED)
    policy = {"PolicyName": "track", "PolicyType": "TargetTrackingScaling", **SCALED}
    put = partial(scaling.put_scaling_policy, **policy, TargetTrackingScalingPolicyConfiguration=TRACKING)
    assert "doesn't exist" in refused(lambda: register(MinCapacity=0, MaxCapacity=2))[1]
    deployment.all()
    assert refused(put)[0] == "ObjectNotFoundException"
    assert "Both MinCapacity and MaxCapacity" in refused(register)[1]
    register(MinCapacity=0, MaxCapacity=2)
    assert "less than minimum" in refused(lambda: register(MinCapacity=3))[1]
    assert len(put()["Alarms"]) == 2
    step = {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    }
    wake = {"PolicyName": "wake", "PolicyType": "StepScaling", **SCALED}
    scaling.put_scaling_policy(**wake, StepScalingPolicyConfiguration=step)
    listed = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=SCALED["ResourceId"])
    assert [found["PolicyName"] for found in listed["ScalingPolicies"]] == ["track", "wake"]
    assert (
        scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"][0]["MinCapacity"]
        == 0
    )
    scaling.delete_scaling_policy(PolicyName="wake", **SCALED)
    assert (
        refused(lambda: scaling.delete_scaling_policy(PolicyName="wake", **SCALED))[0]
        == "ObjectNotFoundException"
    )
    scaling.deregister_scalable_target(**SCALED)
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    assert refused(lambda: scaling.deregister_scalable_target(**SCALED))[0] == "ObjectNotFoundException"


def test_quotas_are_found_by_name_over_many_pages(aws: FakeAws) -> None:
    aws.settings.quotas["ml.g5.xlarge"] = 1
    quotas = aws.boto3_client("service-quotas")
    raised = quotas.list_service_quotas(ServiceCode="sagemaker", MaxResults=100)["Quotas"]
    assert "ml.m5.large for endpoint usage" not in [quota["QuotaName"] for quota in raised]
    pages = list(quotas.get_paginator("list_aws_default_service_quotas").paginate(ServiceCode="sagemaker"))
    pages += quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    assert len(pages) > 1
    found = {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}
    quota = found["ml.g5.xlarge for endpoint usage"]
    assert quota["Value"] == 1
    by_code = quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode=quota["QuotaCode"])["Quota"]
    assert by_code["QuotaName"] == quota["QuotaName"]
    assert refused(lambda: quotas.list_service_quotas(ServiceCode="none"))[0] == "NoSuchResourceException"


def test_the_usage_of_a_quota_is_told_where_there_is_some(deployment: Deployment) -> None:
    aws = deployment.aws
    pages = aws.boto3_client("service-quotas").get_paginator("list_aws_default_service_quotas")
    quotas = [quota for page in pages.paginate(ServiceCode="sagemaker") for quota in page["Quotas"]]
    (usage,) = [q["UsageMetric"] for q in quotas if q["QuotaName"] == "ml.m5.large for endpoint usage"]
    metric = {"Namespace": usage["MetricNamespace"], "MetricName": usage["MetricName"]}
    dimensions = [{"Name": name, "Value": value} for name, value in usage["MetricDimensions"].items()]
    end = datetime.now(UTC)
    about = {**metric, "StartTime": end - timedelta(minutes=5), "EndTime": end, "Period": 60}

    def used() -> list[float]:
        client = aws.boto3_client("cloudwatch")
        found = client.get_metric_statistics(**about, Dimensions=dimensions, Statistics=["Maximum"])
        return [point["Maximum"] for point in found["Datapoints"]]

    assert used() == []
    deployment.all()
    assert used() == [1.0]
    del dimensions[0]
    assert refused(used)[0] == "InvalidParameterValue"


def test_prices_are_those_of_the_catalog(aws: FakeAws) -> None:
    conditions = {"regionCode": "us-east-1", "component": "Hosting", "instanceName": "ml.m5.xlarge"}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in conditions.items()]
    listed = aws.boto3_client("pricing").get_products(ServiceCode="AmazonSageMaker", Filters=filters)[
        "PriceList"
    ]
    assert len(listed) == 1 and '"0.2300000000"' in listed[0]


def test_tags_find_what_exists_in_the_region(deployment: Deployment) -> None:
    deployment.all()
    wanted = [{"Key": "project", "Values": ["demo"]}]

    def tagged(region: str = "us-east-1", **more: object) -> list[str]:
        client = deployment.aws.boto3_client("resourcegroupstaggingapi", region)
        pages = client.get_paginator("get_resources").paginate(TagFilters=wanted, **more)
        return [found["ResourceARN"] for page in pages for found in page["ResourceTagMappingList"]]

    assert len(tagged(ResourcesPerPage=2)) == 3
    assert len(tagged(ResourceTypeFilters=["sagemaker:endpoint"])) == 1
    assert tagged("eu-west-1") == []


def test_alarms_and_secrets_are_kept(aws: FakeAws) -> None:
    alarms, secrets = aws.boto3_client("cloudwatch"), aws.boto3_client("secretsmanager")
    about = {"Namespace": "AWS/SageMaker", "MetricName": "NoCapacityInvocationFailures", "Statistic": "Sum"}
    rule = {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "Period": 60,
    }
    alarms.put_metric_alarm(AlarmName="wake", AlarmActions=["arn:aws:autoscaling:x"], **about, **rule)
    assert [alarm["AlarmName"] for alarm in alarms.describe_alarms()["MetricAlarms"]] == ["wake"]
    assert len(aws.resources()) == 1
    alarms.delete_alarms(AlarmNames=["wake"])
    assert aws.resources() == []
    secrets.create_secret(Name="token", SecretString="canary")
    assert secrets.get_secret_value(SecretId="token")["SecretString"] == "canary"


@pytest.mark.parametrize("enforced", [False, True])
def test_a_simulation_evaluates_what_is_enforced(aws: FakeAws, enforced: bool) -> None:
    statement = {"Effect": "Allow", "Action": ["iam:Simulate*", "s3:PutObject"], "Resource": "*"}
    if enforced:
        aws.enforce({"Version": "2012-10-17", "Statement": [statement]})
    answer = aws.boto3_client("iam").simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::123456789012:role/dev",
        ActionNames=["s3:PutObject", "sagemaker:CreateEndpoint"],
    )
    decisions = [result["EvalDecision"] for result in answer["EvaluationResults"]]
    assert decisions == ["allowed", "implicitDeny" if enforced else "allowed"]
