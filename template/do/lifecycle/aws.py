# Part of the library: `copier update` replaces this file.
"""Calls to AWS. There is one way in, so that each is bounded in time, and each failure is explained.

A call that changes something is made in the account and region of the settings only, is journalled, and
cannot be made at all by a command that only looks.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from lifecycle import environment, journal
from lifecycle.console import say
from lifecycle.project import DEFECT, POLICY, PRECONDITION, REFUSED, USAGE, Config, Failure

READING = ("describe_", "list_", "get_", "head_", "batch_get_", "batch_check_", "filter_", "invoke_")
# Names of what a call is about, to be journalled; nothing else of a request is.
SUBJECTS = re.compile(r"(Name|Names|Arn|ResourceId|Bucket|Key|Prefix)$", re.IGNORECASE)

CREATED_BY = "mcc-created-by"
# An assumed role: its sessions have any name, except those of IAM Identity Center, which have the user's.
SESSION = re.compile(r"(arn:[^:]+:sts::[0-9]+:assumed-role/(?!AWSReservedSSO_)[^/]+)/.*")

# AWS's error codes: a pattern of service and code, the exit code, the id and the remedy. Services use the
# same words for quotas and for throttling: the first pattern that matches decides.
_EXPIRED = "Expired|UnrecognizedClient|InvalidClientTokenId|Signature|AuthFailure|InvalidToken"
_DENIED = "AccessDenied|UnauthorizedOperation|NotAuthorized|Forbidden|:403$"
_POLICY = "have {action} allowed (`do/doctor --policy {verb}` prints all it needs)"
_THROTTLED = "Throttl|TooManyRequests|RequestLimitExceeded|BandwidthLimitExceeded|SlowDown|PriorRequest"
_QUOTA = "(Limit|Quota)Exceeded|TooManyBuckets"
_RAISE = "request an increase in Service Quotas"
REFUSALS: tuple[tuple[str, int, str, str], ...] = (
    (_EXPIRED, PRECONDITION, "expired-credentials", "log in again (`aws sso login`)"),
    (_DENIED, REFUSED, "access-denied", _POLICY),
    (_THROTTLED, REFUSED, "throttled", "wait a minute"),
    (f"^sagemaker:.*({_QUOTA})", PRECONDITION, "quota-exceeded", f"{_RAISE}, or set another instance_type"),
    (
        f"^codebuild:.*({_QUOTA})",
        PRECONDITION,
        "quota-exceeded",
        f"{_RAISE} (of builds, which a new account may have none of), or build here: `do/build`, `do/push`",
    ),
    (f"^iam:.*({_QUOTA})", PRECONDITION, "quota-exceeded", f"delete roles that are not used, or {_RAISE}"),
    (f"^ecr:.*({_QUOTA})", PRECONDITION, "quota-exceeded", f"delete repositories or images, or {_RAISE}"),
    (_QUOTA, PRECONDITION, "quota-exceeded", _RAISE),
    ("[Cc]apacity", REFUSED, "no-capacity", "wait, or take another instance_type or region"),
    ("", REFUSED, "aws-refused", "mend what it says"),
)
_MISSING = re.compile(r"^[^:]*(NotFound|NoSuch)|^404:|could not find|does not exist|not found", re.IGNORECASE)
_PRESENT = re.compile(r"already exist|^[^:]*AlreadyExists", re.IGNORECASE)


def refusal(service: str, code: str) -> tuple[int, str, str]:
    """Return the exit code, the id and the remedy for an error code of a service, such as iam."""
    return next(entry[1:] for entry in REFUSALS if re.search(entry[0], f"{service}:{code}"))


def person(arn: str) -> str:
    """Return who a caller is: the same for each session of a role."""
    return SESSION.sub(r"\1", arn)


def tags_of(listed: list[dict[str, str]]) -> dict[str, str]:
    """Return tags by name; AWS lists them as Key and Value, or as key and value."""
    return {tag.get("Key") or tag["key"]: tag.get("Value") or tag.get("value", "") for tag in listed}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as most of AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


class AwsFailure(Failure):
    """A call failed. `error` is the code that AWS gave, or the kind of trouble with reaching it."""

    error: str
    response: Mapping[str, Any]

    @property
    def missing(self) -> bool:
        """Whether what was asked for does not exist."""
        return bool(_MISSING.search(self.finding.seen))

    @property
    def present(self) -> bool:
        """Whether what was to be made exists already."""
        return bool(_PRESENT.search(self.finding.seen))

    @property
    def denied(self) -> bool:
        """Whether this identity must not do it."""
        return self.finding.id == "access-denied"


class Identity(NamedTuple):
    """The account and the ARN of who calls."""

    account: str
    arn: str


class Aws:
    """AWS as one command sees it. `read_only` is for commands that must not change anything."""

    def __init__(self, settings: Config, verb: str, read_only: bool = False, region: str = "") -> None:
        environment.enter()
        import boto3
        from botocore.config import Config as ClientConfig

        self.settings, self.verb, self.read_only = settings, verb, read_only
        self.region = region or settings.region
        with self.explained("session"):
            self._session: Any = boto3.session.Session(region_name=self.region)
        seconds, attempts = settings.call_seconds, max(1, settings.call_attempts)
        self._config = ClientConfig(
            connect_timeout=seconds,
            read_timeout=seconds,
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
        self._clients: dict[str, Any] = {}
        self._identity: Identity | None = None

    def identify(self) -> Identity:
        """Return who calls. The first call asks AWS, shows the answer, and compares it with the settings.

        Raises Failure (policy) when it is another account than the settings name or than was used before.
        """
        if self._identity is None:
            answer = self._call("sts", "get_caller_identity", {})
            self._identity = self._required(Identity(answer["Account"], answer["Arn"]))
        return self._identity

    def _required(self, who: Identity) -> Identity:
        """Return an identity that has the project's account. Raises Failure (policy) for another."""
        say(f"account {who.account}, region {self.region}, as {who.arn}")
        wanted = self.settings.account or journal.account()
        if not wanted or who.account == wanted:
            return who
        what, remedy = "this is another account than the project's", f"use credentials of {wanted}"
        seen = f"credentials of {who.account}, account = {wanted} in do/config.toml"
        if not self.settings.account:
            seen = f"credentials of {who.account}, {wanted} was used before (.do/account)"
            remedy += f', or set account = "{who.account}" in do/config.toml'
        raise Failure(POLICY, "other-account", what, seen, remedy)

    @property
    def tags(self) -> dict[str, str]:
        """The tags of what this identity creates."""
        return {**self.settings.tags, CREATED_BY: self.identify().arn[:256]}

    def require_creator(self, what: str, tags: Mapping[str, str]) -> None:
        """Raise Failure (policy) when another identity created something, unless the project is shared."""
        creator = tags.get(CREATED_BY, "")
        if not creator or self.settings.shared or person(creator) == person(self.identify().arn):
            return
        seen = f"{what} was created by {creator}, this is {self.identify().arn}"
        remedy = "`--set shared=true` for this run, or shared = true in do/config.toml for a team"
        raise Failure(POLICY, "other-creator", "another identity created this", seen, remedy)

    @property
    def partition(self) -> str:
        """The partition of the region: aws, aws-cn, aws-us-gov …"""
        return str(self._session.get_partition_for_region(self.region))

    def regions(self, service: str) -> list[str]:
        """Return the regions of this partition that have a service."""
        return list(self._session.get_available_regions(service, self.partition))

    def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Make one call and return its answer. Raises AwsFailure."""
        if operation.startswith(READING):
            return self._call(service, operation, request)
        if self.read_only:
            raise Failure(DEFECT, "not-read-only", f"do/{self.verb} must not change anything", operation, "")
        account = self.identify().account
        self.validate(service, operation, request)
        journal.keep_account(account)
        about = {name: value for name, value in request.items() if SUBJECTS.search(name)}
        entry = {"verb": self.verb, "region": self.region, "call": f"{service}.{operation}", "about": about}
        journal.write(state="intent", **entry)
        try:
            answer = self._call(service, operation, request)
        except AwsFailure as error:
            journal.write(state="failed", error=error.error, **entry)
            raise
        journal.write(state="done", **entry)
        return answer

    def find(self, service: str, operation: str, **request: Any) -> dict[str, Any] | None:
        """Make a call; return None when what it asks for does not exist."""
        try:
            return self.call(service, operation, **request)
        except AwsFailure as error:
            if error.missing:
                return None
            raise

    def pages(self, service: str, operation: str, key: str, **request: Any) -> Iterator[Any]:
        """Yield the items under `key` of every page of a listing. Raises AwsFailure."""
        with self.explained(f"{service}.{operation}"):
            for page in self._client(service).get_paginator(operation).paginate(**request):
                yield from page.get(key, [])

    def validate(self, service: str, operation: str, request: dict[str, Any]) -> None:
        """Check a request against the service's own model. Raises Failure (usage)."""
        from botocore.validate import validate_parameters

        meta = self._client(service).meta
        model = meta.service_model.operation_model(meta.method_to_api_mapping[operation])
        with self.explained(f"{service}.{operation}"):
            validate_parameters(request, model.input_shape)

    @contextmanager
    def explained(self, call: str) -> Iterator[None]:
        """Let what goes wrong with a call say what to do. Raises Failure, mostly AwsFailure."""
        from botocore.exceptions import BotoCoreError, ClientError

        again = f"then `do/{self.verb}` again: it goes on"
        try:
            yield
        except ClientError as error:
            told = error.response.get("Error", {})
            code, message = str(told.get("Code", "")), " ".join(str(told.get("Message", "")).split())
            exit_code, name, remedy = refusal(call.partition(".")[0], code)
            action = re.search(r"perform: (\S+)", message)
            remedy = remedy.format(action=action[1] if action else call, verb=self.verb)
            seen = f"{code}: {message}"[:600]
            found = AwsFailure(exit_code, name, f"AWS refused {call}", seen, f"{remedy}; {again}")
            found.error, found.response = code, error.response
            raise found from None
        except BotoCoreError as error:
            kind, seen = type(error).__name__, " ".join(str(error).split())
            if kind == "ParamValidationError":
                what, remedy = f"{call} would not be accepted", "mend do/config.toml"
                raise Failure(USAGE, "bad-request", what, seen, remedy) from None
            if any(word in kind for word in ("Credential", "Token", "Profile", "SSO", "Login")):
                remedy = "log in (`aws sso login`), or set AWS_PROFILE"
                what = "there are no usable credentials"
                found = AwsFailure(PRECONDITION, "no-credentials", what, seen, remedy)
            else:
                remedy = f"check the network and region = {self.region}, {again}"
                cause = "AWS may have carried it out all the same"
                found = AwsFailure(REFUSED, "aws-unreachable", f"{call} failed", seen, remedy, cause)
            found.error, found.response = kind, {}
            raise found from None

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, config=self._config)
        return self._clients[service]

    def _call(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        with self.explained(f"{service}.{operation}"):
            return dict(getattr(self._client(service), operation)(**request))
