# Part of the library: `copier update` replaces this file.
"""Calls to AWS. All calls go through this module, which limits their time and explains their failures.

Calls that change something are made only in the account and Region of the settings, are logged in the
journal, and are not available to read-only commands.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from lifecycle import environment, journal
from lifecycle.console import log
from lifecycle.project import INTERNAL_ERROR, POLICY, PRECONDITION, REFUSED, USAGE, Config, Failure

READING = ("describe_", "list_", "get_", "head_", "batch_get_", "batch_check_", "filter_", "invoke_")
# Parameters that name the resource of a call. The journal has these and no others.
SUBJECTS = re.compile(r"(Name|Names|Arn|ResourceId|Bucket|Key|Prefix)$", re.IGNORECASE)

CREATED_BY = "mcc-created-by"
# An assumed role. Session names are arbitrary, except in IAM Identity Center, where they name the user.
SESSION = re.compile(r"(arn:[^:]+:sts::[0-9]+:assumed-role/(?!AWSReservedSSO_)[^/]+)/.*")
NOT_IN_TAGS = re.compile(r"[^\w .:/=+@-]")  # names of users and sessions can have commas

# AWS error codes: a pattern of service and code, the exit code, the id and the next step. Services use the
# same words for quotas and for throttling, so the first matching pattern applies.
_EXPIRED = "Expired|UnrecognizedClient|InvalidClientTokenId|Signature|AuthFailure|InvalidToken"
_DENIED = "AccessDenied|UnauthorizedOperation|NotAuthorized|Forbidden|:403$"
_POLICY = "allow {action} (do/doctor --policy {verb} prints all permissions)"
_THROTTLED = "Throttl|TooManyRequests|RequestLimitExceeded|BandwidthLimitExceeded|SlowDown|PriorRequest"
_QUOTA = "(Limit|Quota)Exceeded|TooManyBuckets"
_RAISE = "request an increase in Service Quotas"
REFUSALS: tuple[tuple[str, int, str, str], ...] = (
    (_EXPIRED, PRECONDITION, "expired-credentials", "log in again: aws sso login"),
    (_DENIED, REFUSED, "access-denied", _POLICY),
    (_THROTTLED, REFUSED, "throttled", "wait one minute"),
    (f"^sagemaker:.*({_QUOTA})", PRECONDITION, "quota-exceeded", f"{_RAISE}, or set another instance_type"),
    (
        f"^codebuild:.*({_QUOTA})",
        PRECONDITION,
        "quota-exceeded",
        f"{_RAISE} (new accounts can have a quota of 0 builds), or run do/build and do/push here",
    ),
    (f"^ecr:.*({_QUOTA})", PRECONDITION, "quota-exceeded", f"delete repositories or images, or {_RAISE}"),
    (_QUOTA, PRECONDITION, "quota-exceeded", _RAISE),
    ("[Cc]apacity", REFUSED, "no-capacity", "try again later, or use another instance_type or region"),
    ("", REFUSED, "aws-refused", "fix the reported error"),
)
NO_CREDENTIALS = ("no-credentials", "expired-credentials")
_MISSING = re.compile(r"^[^:]*(NotFound|NoSuch)|^404:|could not find|does not exist|not found", re.IGNORECASE)
_PRESENT = re.compile(r"already exist|^[^:]*AlreadyExists", re.IGNORECASE)


def refusal(service: str, code: str) -> tuple[int, str, str]:
    """Return the exit code, the id and the next step for an error code of a service, such as iam."""
    return next(entry[1:] for entry in REFUSALS if re.search(entry[0], f"{service}:{code}"))


def principal(arn: str) -> str:
    """Return the ARN of a caller, which is the same for each session of a role."""
    return SESSION.sub(r"\1", arn)


def creator_tag(arn: str) -> str:
    """Return the ARN of a caller as the value of a tag."""
    return NOT_IN_TAGS.sub("_", arn)[:256]


def tags_of(listed: list[dict[str, str]]) -> dict[str, str]:
    """Return tags by name. AWS lists them as Key and Value, or as key and value."""
    return {tag.get("Key") or tag["key"]: tag.get("Value") or tag.get("value", "") for tag in listed}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as a list, the format of most services."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


class AwsFailure(Failure):
    """A call failed. `error` is the error code from AWS, or the type of the connection error."""

    error: str
    response: Mapping[str, Any]

    @property
    def missing(self) -> bool:
        """Whether the resource does not exist."""
        return bool(_MISSING.search(self.finding.seen))

    @property
    def present(self) -> bool:
        """Whether the resource exists already."""
        return bool(_PRESENT.search(self.finding.seen))

    @property
    def denied(self) -> bool:
        """Whether this identity does not have permission."""
        return self.finding.id == "access-denied"


class Identity(NamedTuple):
    """The account and the ARN of the caller."""

    account: str
    arn: str


class Aws:
    """AWS for one command. `read_only` is for commands that change nothing."""

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
        """Return the caller. The first call gets it from AWS, prints it, and checks the account.

        Raise Failure (policy) if the account differs from the settings, or from the one of earlier commands.
        """
        if self._identity is None:
            answer = self._call("sts", "get_caller_identity", {})
            self._identity = self._required(Identity(answer["Account"], answer["Arn"]))
        return self._identity

    def _required(self, who: Identity) -> Identity:
        """Return an identity of the project's account. Raise Failure (policy) for another account."""
        log(f"account {who.account}, region {self.region}, as {who.arn}")
        expected = self.settings.account or journal.account()
        if not expected or who.account == expected:
            return who
        what, next_step = "the credentials are for another account", f"use credentials of {expected}"
        seen = f"credentials of {who.account}, account = {expected} in do/config.toml"
        if not self.settings.account:
            seen = f"credentials of {who.account}, {expected} was used before (.do/account)"
            next_step += f', or set account = "{who.account}" in do/config.toml'
        raise Failure(POLICY, "other-account", what, seen, next_step)

    @property
    def tags(self) -> dict[str, str]:
        """The tags of what this identity creates."""
        return {**self.settings.tags, **self.settings.own_tags, CREATED_BY: creator_tag(self.identify().arn)}

    def require_creator(self, what: str, tags: Mapping[str, str]) -> None:
        """Raise Failure (policy) if another identity created a resource, unless the project is shared."""
        creator = tags.get(CREATED_BY, "")
        if not creator or self.settings.shared:
            return
        if principal(creator) == principal(creator_tag(self.identify().arn)):
            return
        seen = f"{what} was created by {creator}, the caller is {self.identify().arn}"
        next_step = "add --set shared=true for this run, or set shared = true in do/config.toml for a team"
        raise Failure(POLICY, "other-creator", "another identity created the resource", seen, next_step)

    @property
    def partition(self) -> str:
        """The partition of the Region: aws, aws-cn, aws-us-gov …"""
        return str(self._session.get_partition_for_region(self.region))

    def credentials(self) -> Any:
        """Return the credentials of the caller, fixed: a refresh while they sign would break the signature.

        Raise Failure (precondition) if there are none.
        """
        with self.explained("session"):
            found = self._session.get_credentials()
            if found is not None:
                return found.get_frozen_credentials()
        next_step = "log in (aws sso login), or set AWS_PROFILE"
        raise Failure(PRECONDITION, "no-credentials", "no valid AWS credentials", "none found", next_step)

    def endpoint_url(self, service: str) -> str:
        """Return the address of a service in the Region, without a slash at the end."""
        return str(self._client(service).meta.endpoint_url).rstrip("/")

    def regions(self, service: str) -> list[str]:
        """Return the Regions of this partition that have a service."""
        return list(self._session.get_available_regions(service, self.partition))

    def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Make a call and return the response. Raise AwsFailure."""
        if operation.startswith(READING):
            return self._call(service, operation, request)
        if self.read_only:
            raise Failure(INTERNAL_ERROR, "not-read-only", f"do/{self.verb} is read-only", operation, "")
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
        """Make a call and return the response, None if the resource does not exist."""
        try:
            return self.call(service, operation, **request)
        except AwsFailure as error:
            if error.missing:
                return None
            raise

    def pages(self, service: str, operation: str, key: str, **request: Any) -> Iterator[Any]:
        """Yield the items under `key` of every page of a list. Raise AwsFailure."""
        with self.explained(f"{service}.{operation}"):
            for page in self._client(service).get_paginator(operation).paginate(**request):
                yield from page.get(key, [])

    def validate(self, service: str, operation: str, request: dict[str, Any]) -> None:
        """Check a request against the service model of the SDK. Raise Failure (usage)."""
        from botocore.validate import validate_parameters

        meta = self._client(service).meta
        model = meta.service_model.operation_model(meta.method_to_api_mapping[operation])
        with self.explained(f"{service}.{operation}"):
            validate_parameters(request, model.input_shape)

    def choices(self, service: str, shape: str) -> tuple[str, ...]:
        """Return the values of an enumeration in the service model of the SDK."""
        found: Any = self._client(service).meta.service_model.shape_for(shape)
        return tuple(found.enum)

    @contextmanager
    def explained(self, call: str) -> Iterator[None]:
        """Convert an error of a call to a Failure with a next step."""
        from botocore.exceptions import BotoCoreError, ClientError

        again = f"then run do/{self.verb} again: it continues"
        try:
            yield
        except ClientError as error:
            details = error.response.get("Error", {})
            code, message = str(details.get("Code", "")), " ".join(str(details.get("Message", "")).split())
            exit_code, name, next_step = refusal(call.partition(".")[0], code)
            action = re.search(r"perform: (\S+)", message)
            next_step = next_step.format(action=action[1] if action else call, verb=self.verb)
            seen = f"{code}: {message}"[:600]
            found = AwsFailure(exit_code, name, f"AWS refused {call}", seen, f"{next_step}; {again}")
            found.error, found.response = code, error.response
            raise found from None
        except BotoCoreError as error:
            kind, seen = type(error).__name__, " ".join(str(error).split())
            if kind == "ParamValidationError":
                what, next_step = f"invalid parameters for {call}", "fix the setting in do/config.toml"
                raise Failure(USAGE, "bad-request", what, seen, next_step) from None
            if any(word in kind for word in ("Credential", "Token", "Profile", "SSO", "Login")):
                next_step = "log in (aws sso login), or set AWS_PROFILE"
                what = "no valid AWS credentials"
                found = AwsFailure(PRECONDITION, "no-credentials", what, seen, next_step)
            else:
                next_step = f"check the network and region = {self.region}, {again}"
                cause = "AWS might have completed the call anyway"
                found = AwsFailure(REFUSED, "aws-unreachable", f"{call} failed", seen, next_step, cause)
            found.error, found.response = kind, {}
            raise found from None

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, config=self._config)
        return self._clients[service]

    def _call(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        with self.explained(f"{service}.{operation}"):
            return dict(getattr(self._client(service), operation)(**request))
