"""Formats of free-text answers and numbers, and the messages about wrong ones."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..catalog import catalog
from ..errors import redaction
from ..models.facts import PARAMETERS
from ..servers import triton
from .questions import SECRETS

NEVER_SHOWN = (*SECRETS, "hf_token_secret_arn", "hyperpod_token_secret", "extra_arguments")
COUNTS = ("instance_count", "hyperpod_replicas", "hyperpod_max_replicas", "model_instances")
NUMBERS = ("max_model_len", "max_concurrency", "max_batch_size", "max_queue_delay_us", *COUNTS)
MAY_BE_ZERO = ("max_queue_delay_us",)
LARGEST_NUMBER = 10_000_000
LARGEST_COUNT = 1000
MATCHES = 4  # regions that a message lists


@dataclass(frozen=True)
class AnswerFormat:
    """How a free-text answer must look."""

    pattern: re.Pattern[str]
    rule: str
    example: str


SUBNET, SECURITY_GROUP = (f"{kind}-([0-9a-f]{{8}}|[0-9a-f]{{17}})" for kind in ("subnet", "sg"))
TAG = r"(?!aws:|mcc-)\w[\w.:/+@-]{0,127}=[\w.:/=+@-]{0,256}"
FORMATS = {
    "project_id": AnswerFormat(re.compile(r"[0-9a-f]{8}"), "eight hexadecimal digits", "c0ffee42"),
    "project_name": AnswerFormat(
        re.compile(r"(?=.{2,63}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*"),
        "2 to 63 lowercase letters, digits and single dashes, starting with a letter",
        "abalone-age",
    ),
    "region": AnswerFormat(
        re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"), "the name of an AWS Region", "eu-west-1"
    ),
    "base_image": AnswerFormat(
        re.compile(
            r"(?=.{1,255}\Z)[a-z0-9]+(([.]|_{1,2}|-+)[a-z0-9]+)*(:[0-9]{1,5}(?=/))?"
            r"(/[a-z0-9]+(([.]|_{1,2}|-+)[a-z0-9]+)*)*"
            r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
        ),
        "an image reference without spaces or variables",
        "public.ecr.aws/docker/library/python:3.12-slim",
    ),
    "model_name": AnswerFormat(
        re.compile(
            r"(?![^/]*(--|\.\.))[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/(?!.*(--|\.\.))[A-Za-z0-9][A-Za-z0-9._-]{0,95})?"
            r"|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()=+-]+)*/?"
        ),
        "the id of a model on the Hugging Face Hub, or an s3:// address",
        "Qwen/Qwen3-8B",
    ),
    "model_revision": AnswerFormat(
        re.compile(r"|(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}"), "a branch, tag or commit", "main"
    ),
    "hyperpod_cluster": AnswerFormat(
        re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"), "the name of a HyperPod cluster", "ml-cluster"
    ),
    "hyperpod_namespace": AnswerFormat(
        re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"), "a Kubernetes namespace", "hyperpod-ns-team-a"
    ),
    "hyperpod_queue": AnswerFormat(
        re.compile(r"|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
        "the name of a LocalQueue of Kueue",
        "hyperpod-ns-team-a-localqueue",
    ),
    "hyperpod_priority": AnswerFormat(
        re.compile(r"|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
        "the name of a WorkloadPriorityClass of Kueue",
        "inference-priority",
    ),
    "hyperpod_model_source": AnswerFormat(
        re.compile(
            r"|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()=+-]+)*/?"
            r"|fsx://fs-[0-9a-f]{8,17}/[a-z0-9]{1,32}(/(?![.]{1,2}(/|\Z))[A-Za-z0-9_.-]+)*/?"
            r"|pvc://[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(/(?![.]{1,2}(/|\Z))[A-Za-z0-9_.-]+)*/?"
        ),
        "an s3://, fsx:// or pvc:// address",
        "s3://bucket/models/chat/",
    ),
    "hyperpod_token_secret": AnswerFormat(
        re.compile(r"|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
        "the name of a Secret in the cluster (not a token)",
        "hf-token",
    ),
    "hf_token": AnswerFormat(re.compile(r"[\x21-\x7e]{0,500}"), "a token", "hf_…, or set HF_TOKEN"),
    "hf_token_secret_arn": AnswerFormat(
        re.compile(r"|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}"),
        "the ARN of a secret",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf-token-a1b2c3",
    ),
    "model_parameters": AnswerFormat(
        re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?"), "a number of billions of parameters", "7.6"
    ),
    "model_inputs": AnswerFormat(
        re.compile(rf"|{triton.TENSOR}( {triton.TENSOR})*"), "a type and dimensions for each input", "FP32[8]"
    ),
    "chat_template": AnswerFormat(
        re.compile(r"[^\x00-\x1f\x7f\x85\u2028\u2029]{0,4096}"),
        "a path, a model on the Hub or none, on one line",
        "~/chat_template.jinja",
    ),
    "role_arn": AnswerFormat(
        re.compile(
            r"|arn:aws[a-z-]*:iam::[0-9]{12}:role(?=/.{1,512}\Z)(/[A-Za-z0-9+=,.@_-]+)*/[A-Za-z0-9+=,.@_-]{1,64}"
        ),
        "the ARN of an IAM role",
        "arn:aws:iam::123456789012:role/service-role/inference",
    ),
    "tags": AnswerFormat(
        re.compile(rf"|{TAG}( {TAG})*", re.ASCII | re.IGNORECASE),
        "a list of KEY=VALUE, separated by spaces, without the prefixes aws: and mcc-",
        "CostCenter=1234 Owner=ml-team",
    ),
    "subnets": AnswerFormat(
        re.compile(rf"|{SUBNET}( {SUBNET})*"),
        "a list of subnet IDs, separated by spaces",
        "subnet-0123456789abcdef0",
    ),
    "security_groups": AnswerFormat(
        re.compile(rf"|{SECURITY_GROUP}( {SECURITY_GROUP})*"),
        "a list of security group IDs, separated by spaces",
        "sg-0123456789abcdef0",
    ),
    "kms_key": AnswerFormat(
        re.compile(
            r"|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
        ),
        "the ARN of a KMS key (not of an alias)",
        "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
    "batch_location": AnswerFormat(
        re.compile(r"|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()=+-]+)*/"),
        "an s3:// address that ends in /",
        "s3://bucket/churn/",
    ),
    "model_path": AnswerFormat(
        re.compile(r"[^\x00-\x1f\x7f\x85\u2028\u2029]{0,4096}"), "a path on one line", "~/models/model.pkl"
    ),
}


def problem(question: str, value: object) -> str:
    """Return the problem with the format of a free-text answer, or ''.

    Checks only the text, because it runs on every keystroke.
    """
    expected = FORMATS[question]
    if not expected.pattern.fullmatch(str(value)):
        return f"{question}: {shown(question, value)} is not {expected.rule}. Example: {expected.example}"
    if not isinstance(value, str) and question != "model_parameters":
        example = "." if question in NEVER_SHOWN else f": '{value}'"
        return f"{question}: {shown(question, value)} was read as a number. Put it in quotes{example}"
    if question not in SECRETS and redaction.holds_secret(str(value)):
        reason = "the answer contains a token or password, and answers are stored"
        return f"{question}: {reason}. Example: {expected.example}"
    return _size_problem(str(value)) if question == "model_parameters" else ""


def region_problem(value: object, suggested: Sequence[str] = ()) -> str:
    """Return the problem with a Region and the Regions that match part of a name or place, or ''."""
    wrong = problem("region", value)
    if not wrong:
        return ""
    part = str(value).lower().strip()
    known = {name: f"{name} ({region.title})" for name, region in catalog.regions().items()}
    known = {name: known.get(name, name) for name in (*suggested, *known)}
    found = [text for text in known.values() if part in text.lower()]
    if not found or not part:
        return wrong
    names = [text.partition(" ")[0] for text in found[:MATCHES]]
    more = ", …" if len(found) > MATCHES else ""
    listed = found[0] if len(found) == 1 else ", ".join(names) + more
    return f"region: {shown('region', value)} is not the name of an AWS Region. Matches: {listed}"


def default_region(environ: Mapping[str, str] = os.environ) -> str:
    """Return the Region of the environment, or us-east-1."""
    named = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    return named if problem("region", named) == "" else "us-east-1"


def whole_number(question: str, value: object) -> str:
    """Return the problem with a count, or ''."""
    smallest = 0 if question in MAY_BE_ZERO else 1
    largest = LARGEST_COUNT if question in COUNTS else LARGEST_NUMBER
    if isinstance(value, int) and not isinstance(value, bool) and smallest <= value <= largest:
        return ""
    rule = f"a whole number from {smallest} to {largest}"
    return f"{question}: {shown(question, value)} is not {rule}. Example: {1 if question in COUNTS else 16}"


def ci_problem(ci: str, predictive: str, build_target: str) -> str:
    """Return why a CI service cannot build the project's image, "" if it can."""
    if ci == "none" or predictive or build_target == "codebuild":
        return ""
    return (
        f"ci: {ci} needs build_target=codebuild for this server, because its image is too large for"
        " hosted runners. Set it, or use ci=none."
    )


def number(value: object) -> object:
    """Return a count in text as a number, and other values unchanged."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value


def shown(question: str, value: object) -> str:
    """Return an answer for a message, redacted if it can be a secret."""
    return redaction.GIVEN if question in NEVER_SHOWN else redaction.shown(value)


def _size_problem(billions: str) -> str:
    smallest, largest = PARAMETERS
    if smallest <= float(billions) <= largest:
        return ""
    return (
        f"model_parameters: {billions} is not a number of billions from {smallest} to {largest}. Example: 8"
    )
