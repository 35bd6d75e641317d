"""Calls to AWS. There is one way in, so that each is bounded in time, and each failure is explained.

A call that changes something is made in the account and region of the settings only, is journalled, and
cannot be made at all by a command that only looks.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from lifecycle import environment, journal
from lifecycle.console import say
from lifecycle.project import DEFECT, POLICY, PRECONDITION, REFUSED, USAGE, Config, Failure

READING = ("describe_", "list_", "get_", "head_", "batch_get_", "batch_check_", "filter_", "invoke_")
THROTTLED = re.compile("Throttl|TooManyRequests|LimitExceededException|RequestLimitExceeded|SlowDown")
DENIED = re.compile("AccessDenied|UnauthorizedOperation|NotAuthorized|Forbidden|^403$")
EXPIRED = re.compile("Expired|UnrecognizedClient|InvalidClientTokenId|Signature|AuthFailure|InvalidToken")
CAPACITY = re.compile("capacity", re.IGNORECASE)
MISSING = re.compile("NotFound|NoSuch|^404$")
ABSENT = re.compile("could not find|does not exist|cannot find|not found", re.IGNORECASE)
PRESENT = re.compile("already exist", re.IGNORECASE)
# Names of what a call is about, to be journalled; nothing else of a request is.
SUBJECTS = re.compile(r"(Name|Names|Arn|ResourceId|Bucket|Key|Prefix)$", re.IGNORECASE)


class AwsFailure(Failure):
    """A call failed; `error` is the code that AWS gave, or the kind of trouble with reaching it."""

    error = ""
    missing = False  # what was asked for does not exist
    present = False  # what was to be made exists
    denied = False  # this identity must not do it
    response: Mapping[str, Any] = MappingProxyType({})  # what AWS answered, nothing when it did not


class Aws:
    """AWS as one command sees it. `read_only` is for commands that must not change anything."""

    def __init__(self, settings: Config, verb: str, read_only: bool = False, region: str = "") -> None:
        environment.enter()
        import boto3
        from botocore.config import Config as ClientConfig

        self.settings, self.verb, self.read_only = settings, verb, read_only
        self.region = region or settings.region
        try:
            self._session = boto3.session.Session(region_name=self.region)
        except Exception as error:
            raise failure(error, self, "session") from None
        attempts = {"mode": "standard", "total_max_attempts": max(1, settings.call_attempts)}
        seconds = settings.call_seconds
        self._config = ClientConfig(connect_timeout=seconds, read_timeout=seconds, retries=attempts)
        self._clients: dict[str, Any] = {}
        self._identity: dict[str, str] = {}

    @property
    def identity(self) -> dict[str, str]:
        """Who calls: Account and Arn. The first time, it is told and compared with the settings.

        Raises Failure (policy) when it is another account than the settings name.
        """
        if not self._identity:
            who = self._call("sts", "get_caller_identity", {})
            say(f"account {who['Account']}, region {self.region}, as {who['Arn']}")
            wanted = self.settings.account
            if wanted and who["Account"] != wanted:
                what = "this is another account than the project's"
                seen = f"credentials of {who['Account']}, account = {wanted} in do/config.toml"
                raise Failure(POLICY, "other-account", what, seen, f"use credentials of {wanted}")
            self._identity = {"Account": who["Account"], "Arn": who["Arn"]}
        return self._identity

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
        _ = self.identity
        self.validate(service, operation, request)
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
        try:
            for page in self.client(service).get_paginator(operation).paginate(**request):
                yield from page.get(key, [])
        except Exception as error:
            raise failure(error, self, f"{service}.{operation}") from None

    def validate(self, service: str, operation: str, request: dict[str, Any]) -> None:
        """Check a request against the service's own model. Raises Failure (usage)."""
        from botocore.validate import validate_parameters

        client = self.client(service)
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
        try:
            validate_parameters(request, model.input_shape)
        except Exception as error:
            raise failure(error, self, f"{service}.{operation}") from None

    def client(self, service: str) -> Any:
        """Return the client of a service."""
        if service not in self._clients:
            try:
                self._clients[service] = self._session.client(service, config=self._config)
            except Exception as error:
                raise failure(error, self, service) from None
        return self._clients[service]

    def _call(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict(getattr(self.client(service), operation)(**request))
        except Exception as error:
            raise failure(error, self, f"{service}.{operation}") from None


def failure(error: Exception, aws: Aws, call: str) -> Failure:
    """Return an error of boto3 as one that says what to do; any other as it is, for it is a defect."""
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        return _refusal(error, aws, call)
    if not isinstance(error, BotoCoreError):
        raise error
    kind, seen = type(error).__name__, " ".join(str(error).split())
    what = f"{call} failed"
    if kind == "ParamValidationError":
        return Failure(USAGE, "bad-request", f"{call} would not be accepted", seen, "mend do/config.toml")
    if any(word in kind for word in ("Credential", "Token", "Profile", "SSO", "Login")):
        remedy = "log in (`aws sso login`), or set AWS_PROFILE"
        found = AwsFailure(PRECONDITION, "no-credentials", "there are no usable credentials", seen, remedy)
    else:
        remedy = f"check the network and region = {aws.region}, then `do/{aws.verb}` again: it goes on"
        cause = "the call may have been carried out all the same"
        found = AwsFailure(REFUSED, "aws-unreachable", what, seen, remedy, cause)
    found.error = kind
    return found


def _refusal(error: Any, aws: Aws, call: str) -> AwsFailure:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), " ".join(str(told.get("Message", "")).split())
    seen, what, again = (
        f"{code}: {message}"[:600],
        f"AWS refused {call}",
        f"`do/{aws.verb}` again: it goes on",
    )
    if EXPIRED.search(code):
        remedy = f"log in again, then {again}"
        found = AwsFailure(PRECONDITION, "expired-credentials", what, seen, remedy)
    elif DENIED.search(code):
        action = re.search(r"perform: (\S+)", message)
        missing = action[1] if action else call
        remedy = f"have {missing} allowed, as in iam/{aws.verb}.json; then {again}"
        found = AwsFailure(REFUSED, "access-denied", what, seen, remedy)
        found.denied = True
    elif code == "ResourceLimitExceeded":
        remedy = "raise the quota (Service Quotas, Amazon SageMaker), or take another instance_type"
        found = AwsFailure(PRECONDITION, "quota-exceeded", what, seen, remedy)
    elif THROTTLED.search(code):
        found = AwsFailure(REFUSED, "throttled", what, seen, f"wait a minute, then {again}")
    elif CAPACITY.search(code):
        remedy = f"{again}, later or with another instance_type or region"
        found = AwsFailure(REFUSED, "no-capacity", what, seen, remedy, "AWS has none of these left here")
    else:
        found = AwsFailure(REFUSED, "aws-refused", what, seen, f"mend what it says, then {again}")
        found.missing = bool(MISSING.search(code) or ABSENT.search(message))
        found.present = bool(PRESENT.search(f"{code} {message}") or "AlreadyExists" in code)
    found.error, found.response = code, error.response
    return found
