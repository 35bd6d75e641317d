"""Answers that companies require: tags, a private network, isolation and a key; what cannot go together."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import redaction
from . import answer_formats, copier_run, questions

MOST_TAGS = 46  # of a resource; AWS accepts 50, and the commands add four
MOST_IN_NETWORK = {"subnets": 16, "security_groups": 5}


def tag_pairs(tags: str) -> dict[str, str]:
    """Return the tags of an answer, KEY=VALUE separated by spaces, by key."""
    return dict(pair.split("=", 1) for pair in tags.split())


def tags_problem(tags: str) -> str:
    """Return the problem with tags, or ''."""
    if wrong := answer_formats.problem("tags", tags):
        return wrong
    if redaction.masked(tags) != tags:
        return "tags: a tag contains a secret, and tags are stored and visible. Remove it. Example: Owner=ml"
    count = len(tags.split())
    if count > MOST_TAGS:
        return f"tags: {count} tags are given, the maximum is {MOST_TAGS}. Remove some."
    if len(tag_pairs(tags)) < count:
        return "tags: a key is given twice. Remove one of them. Example: Owner=ml"
    return ""


def subnets_problem(subnets: str) -> str:
    """Return the problem with the IDs of subnets, or ''."""
    return _ids_problem("subnets", subnets)


def _ids_problem(question: str, ids: str) -> str:
    if wrong := answer_formats.problem(question, ids):
        return wrong
    most, count = MOST_IN_NETWORK[question], len(ids.split())
    return (
        f"{question}: {count} IDs are given, SageMaker accepts {most}. Remove some." if count > most else ""
    )


def groups_problem(security_groups: str, subnets: str) -> str:
    """Return the problem with security groups next to the subnets, or ''."""
    if wrong := _ids_problem("security_groups", security_groups):
        return wrong
    if bool(security_groups.strip()) == bool(subnets.strip()):
        return ""
    given, missing = ("subnets", "security_groups") if subnets else ("security_groups", "subnets")
    return f"security_groups: {given} is given without {missing}. Give both or neither."


def isolation_problem(isolated: object, model_name: str, token_secret: str) -> str:
    """Return why a language model cannot be served without a network, or ''; both texts are '' for others."""
    if str(isolated).lower() not in copier_run.YES:
        return ""
    if model_name and not model_name.startswith("s3://"):
        reason = f"the container downloads {model_name} from the Hub when it starts"
        return f"network_isolation: {reason}. Use a model on S3: -d model_name=s3://bucket/prefix/"
    if token_secret:
        return "network_isolation: the container cannot read hf_token_secret_arn. Remove that answer."
    return ""


def key_problem(kms_key: str, region: str) -> str:
    """Return the problem with a KMS key for an endpoint in a Region, or ''."""
    if wrong := answer_formats.problem("kms_key", kms_key):
        return wrong
    if not kms_key or (found := kms_key.split(":")[3]) == region:
        return ""
    return f"kms_key: the key is in {found}, the endpoint in {region}. Give a key in {region}."


def problems(given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Return a line for each of these answers that cannot be used; `known` are all answers of the project."""
    named = ("tags", *questions.COMPANY_QUESTIONS)
    if not set(given) & {*named, "region", "model_name", "hf_token_secret_arn"}:
        return []
    return [problem for problem in _problems(known) if problem]


def _problems(known: Mapping[str, Any]) -> Iterator[str]:
    answers = {name: str(known.get(name, "")) for name in ("tags", "subnets", "security_groups", "kms_key")}
    yield tags_problem(answers["tags"])
    yield subnets_problem(answers["subnets"])
    yield groups_problem(answers["security_groups"], answers["subnets"])
    if known.get("region"):
        yield key_problem(answers["kms_key"], str(known["region"]))
    model, secret = str(known.get("model_name", "")), str(known.get("hf_token_secret_arn", ""))
    yield isolation_problem(known.get("network_isolation", False), model, secret)
