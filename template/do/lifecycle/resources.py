# Part of the library: `copier update` replaces this file.
"""The AWS resources of a project on every target: images, builds and logs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lifecycle.aws import Aws, AwsFailure, tags_of
from lifecycle.project import Config

MOST_KEYS = 1000  # the maximum of one S3 call
SOURCE_PREFIX = "source/"  # of the build sources in the bucket
TAG = "the tag mcc-project-id"
STACK_TAG = "mcc-stack"  # with the name of the stack that created a resource
Request = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A resource in AWS: kind, name, state, and whether it belongs to this project.

    `kept` is the reason why a resource with the project's tag is never deleted, "" for other resources.
    """

    kind: str
    name: str
    arn: str
    owned: bool
    status: str = ""
    described: dict[str, Any] = field(default_factory=dict, repr=False)
    tags: dict[str, str] = field(default_factory=dict, repr=False)
    kept: str = ""

    @property
    def removable(self) -> bool:
        """Whether do/clean can delete it."""
        return self.owned and not self.kept

    @property
    def in_transition(self) -> bool:
        """Whether its state is changing, during which AWS accepts no changes."""
        return self.status.endswith(("ing", "InProgress", "RollingBack"))

    def __str__(self) -> str:
        return f"{self.kind} {self.name}{f' ({self.status})' if self.status else ''}"


@dataclass(frozen=True)
class Kind:
    """A kind of resource that do/clean deletes. docs/reference/clean.md lists the kinds.

    `by` states how a resource of this project is recognized, and `option` the option that includes it.
    Calls are named like `ecr.describe_repositories`: those that find it, the one that deletes it with each of
    `requests`, and those that `emptied` makes before. `waits` is whether AWS deletes it in the background,
    `stops` whether it is stopped instead: AWS keeps its record.
    """

    name: str
    by: str
    finds: tuple[str, ...]
    delete: str
    requests: Callable[[Aws, Resource], Iterable[Request]]
    empties: tuple[str, ...] = ()
    emptied: Callable[[Aws, Resource], None] | None = None
    option: str = ""
    waits: bool = False
    stops: bool = False

    def remove(self, aws: Aws, resource: Resource) -> None:
        """Delete a resource with its content. Raise AwsFailure."""
        if self.emptied:
            self.emptied(aws, resource)
        service, _, operation = self.delete.partition(".")
        for request in self.requests(aws, resource):
            aws.call(service, operation, **request)


def find_build(settings: Config, aws: Aws) -> Iterator[Resource]:
    """Yield the CodeBuild project, its role, the build sources and their bucket."""
    name, role = settings.project_name, f"mcc-{settings.project_id}-codebuild"
    for project in aws.call("codebuild", "batch_get_projects", names=[name])["projects"]:
        tags = tags_of(project.get("tags", []))
        yield Resource("build project", name, project["arn"], settings.owns(tags), tags=tags)
    if found := aws.find("iam", "get_role", RoleName=role):
        tags = tags_of(found["Role"].get("Tags", []))
        arn, kept = found["Role"]["Arn"], _of_stack(settings, tags)
        yield Resource("role", role, arn, settings.owns(tags), tags=tags, kept=kept)
    yield from _find_bucket(settings, aws)


def _find_bucket(settings: Config, aws: Aws) -> Iterator[Resource]:
    """Yield the build sources and their bucket, which is kept if it holds anything else."""
    account = aws.identify().account
    bucket = f"mcc-{settings.project_id}-{account}-{aws.region}"
    arn, owner = f"arn:{aws.partition}:s3:::{bucket}", {"Bucket": bucket, "ExpectedBucketOwner": account}
    try:
        tags = tags_of(aws.call("s3", "get_bucket_tagging", **owner)["TagSet"])
    except AwsFailure as error:
        if error.missing and error.error != "NoSuchTagSet":
            return
        if error.error != "NoSuchTagSet":
            raise
        tags = settings.own_tags  # its creation was interrupted; only this project uses this name
    if not settings.owns(tags):
        yield Resource("bucket", bucket, arn, False)
        return
    keys = [item["Key"] for item in aws.pages("s3", "list_objects_v2", "Contents", **owner)]
    others = [key for key in keys if not key.startswith(SOURCE_PREFIX)]
    if len(keys) > len(others):
        name = f"{bucket}/{SOURCE_PREFIX}"
        yield Resource("build source", name, f"{arn}/{SOURCE_PREFIX}*", True, tags=tags)
    kept = _of_stack(settings, tags)
    if others:
        kept = f"it holds {len(others)} objects other than build sources, such as {others[0]}"
    yield Resource("bucket", bucket, arn, True, tags=tags, kept=kept)


def _of_stack(settings: Config, tags: dict[str, str]) -> str:
    """Return why a resource of iam/stack.yml is kept, "" for one of an earlier version of do/submit."""
    if stack := tags.get(STACK_TAG):
        command = f"aws cloudformation delete-stack --region {settings.region} --stack-name {stack}"
        return f"a stack created it, and deletes it: {command}"
    return ""


def find_images(settings: Config, aws: Aws) -> Iterator[Resource]:
    """Yield the repository of the project's images."""
    found = aws.find("ecr", "describe_repositories", repositoryNames=[settings.project_name])
    for repository in found["repositories"] if found else []:
        arn = repository["repositoryArn"]
        tags = tags_of(aws.call("ecr", "list_tags_for_resource", resourceArn=arn)["tags"])
        yield Resource("image repository", settings.project_name, arn, settings.owns(tags), tags=tags)


def find_logs(aws: Aws, groups: list[str]) -> Iterator[Resource]:
    """Yield the existing log groups of a list. AWS creates them, so they do not have the project's tags."""
    for name in groups:
        for group in aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name):
            if group["logGroupName"] == name:
                yield Resource("log group", name, group["arn"], True)


def remove(aws: Aws, resource: Resource) -> None:
    """Delete a resource of one of the SHARED kinds with its content. Raise AwsFailure."""
    SHARED[resource.kind].remove(aws, resource)


def _empty_role(aws: Aws, role: Resource) -> None:
    """Remove the policies of a role: IAM deletes only roles without any."""
    name = role.name
    for policy in list(aws.pages("iam", "list_role_policies", "PolicyNames", RoleName=name)):
        aws.call("iam", "delete_role_policy", RoleName=name, PolicyName=policy)
    for policy in list(aws.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)):
        aws.call("iam", "detach_role_policy", RoleName=name, PolicyArn=policy["PolicyArn"])


def _source_deletions(aws: Aws, source: Resource) -> Iterator[Request]:
    """Yield the requests that delete the objects below a prefix."""
    bucket, _, prefix = source.name.partition("/")
    owner = {"Bucket": bucket, "ExpectedBucketOwner": aws.identify().account}
    listed = aws.pages("s3", "list_objects_v2", "Contents", Prefix=prefix, **owner)
    keys = [{"Key": item["Key"]} for item in listed]
    for start in range(0, len(keys), MOST_KEYS):
        yield {"Delete": {"Objects": keys[start : start + MOST_KEYS], "Quiet": True}, **owner}


_BUCKET = ("s3.get_bucket_tagging", "s3.list_objects_v2")
# The kinds of resources on every target, in the order of deletion.
SHARED = {
    kind.name: kind
    for kind in (
        Kind(
            "build project",
            f"the name of the project, and {TAG}",
            ("codebuild.batch_get_projects",),
            "codebuild.delete_project",
            lambda _, item: [{"name": item.name}],
        ),
        Kind(
            "role",
            f"a name with the project ID, and {TAG}; kept if iam/stack.yml created it",
            ("iam.get_role",),
            "iam.delete_role",
            lambda _, item: [{"RoleName": item.name}],
            empties=("iam.delete_role_policy", "iam.detach_role_policy"),
            emptied=_empty_role,
        ),
        Kind(
            "build source",
            "the prefix source/ in the bucket",
            _BUCKET,
            "s3.delete_objects",
            _source_deletions,
        ),
        Kind(
            "bucket",  # S3 deletes only empty buckets
            f"a name with the project ID and account, and {TAG}; kept if it holds anything else, or if "
            "iam/stack.yml created it",
            _BUCKET,
            "s3.delete_bucket",
            lambda aws, item: [{"Bucket": item.name, "ExpectedBucketOwner": aws.identify().account}],
        ),
        Kind(
            "image repository",
            f"the name of the project, and {TAG}",
            ("ecr.describe_repositories", "ecr.list_tags_for_resource"),
            "ecr.delete_repository",
            lambda _, item: [{"repositoryName": item.name, "force": True}],
            option="--images",
        ),
        Kind(
            "log group",
            "the name alone: AWS creates log groups without tags",
            ("logs.describe_log_groups",),
            "logs.delete_log_group",
            lambda _, item: [{"logGroupName": item.name}],
            option="--logs",
        ),
    )
}
