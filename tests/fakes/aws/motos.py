"""The resources in the services of moto."""

from collections.abc import Iterator

from moto.backends import get_backend

from tests.fakes.aws.wire import ACCOUNT


def moto_tags() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the ARN and the tags of buckets, repositories, log groups, alarms and roles."""
    for region, ecr in list(get_backend("ecr")[ACCOUNT].items()):
        for repository in ecr.repositories.values():
            yield repository.arn, _pairs(ecr.list_tags_for_resource(repository.arn)["tags"])
        del region
    for logs in list(get_backend("logs")[ACCOUNT].values()):
        for group in logs.groups.values():
            yield group.arn, logs.list_tags_log_group(group.name)
    for alarms in list(get_backend("cloudwatch")[ACCOUNT].values()):
        for alarm in alarms.alarms.values():
            yield alarm.alarm_arn, {}
    for iam in get_backend("iam")[ACCOUNT].values():
        for role in iam.roles.values():
            yield role.arn, _pairs(role.tags)
    for s3 in get_backend("s3")[ACCOUNT].values():
        for name in s3.buckets:
            arn = f"arn:aws:s3:::{name}"
            yield arn, s3.tagger.get_tag_dict_for_resource(arn)


def _pairs(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag.get("Key", tag.get("key", "")): tag.get("Value", tag.get("value", "")) for tag in tags}
