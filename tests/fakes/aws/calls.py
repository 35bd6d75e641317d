"""The recorded calls, and the faults to inject."""

import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fakes.aws.permissions import Need, is_mutating, needs
from tests.fakes.aws.wire import Refusal, Request

Kind = Literal["throttle", "deny", "expire", "no capacity", "limit", "unavailable", "reset", "hang"]
QUERY_CODES = {
    "throttle": ("Throttling", "Rate exceeded", 400),
    "deny": ("AccessDenied", "User: {caller} is not authorized to perform: {action}", 403),
    "expire": ("ExpiredToken", "The security token included in the request is expired", 403),
}
JSON_CODES = {
    "throttle": ("ThrottlingException", "Rate exceeded", 400),
    "deny": (
        "AccessDeniedException",
        "User: {caller} is not authorized to perform: {action} on resource: {resource} because no "
        "identity-based policy allows the {action} action",
        400,
    ),
    "expire": ("ExpiredTokenException", "The security token included in the request is expired", 400),
}
OTHER_CODES = {
    "limit": ("ResourceLimitExceeded", "The account-level service limit is reached.", 400),
    "no capacity": ("ResourceLimitExceeded", "The account-level service limit is reached.", 400),
    "unavailable": ("ServiceUnavailable", "Service unavailable", 503),
}
# Error messages of services for an account at its quota.
LIMITS = {
    "codebuild": ("AccountLimitExceededException", "Cannot have more than 0 builds in queue for the account"),
    "iam": ("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000"),
    "ecr": (
        "LimitExceededException",
        "The repository cannot be created because the registry has reached its quota of repositories.",
    ),
    "s3": ("TooManyBuckets", "You have attempted to create more buckets than allowed"),
    "application-autoscaling": ("LimitExceededException", "Maximum number of scalable targets exceeded"),
    "cloudwatch": ("LimitExceeded", "The quota for alarms for this customer has already been reached."),
}
# Operations that start instances asynchronously: without capacity, they succeed and fail later.
STARTS_INSTANCES = {
    "CreateEndpoint",
    "UpdateEndpoint",
    "CreateInferenceComponent",
    "UpdateInferenceComponent",
    "UpdateInferenceComponentRuntimeConfig",
    "CreateTransformJob",
}


@dataclass
class Call:
    """A recorded request. `executed` is whether it took effect, regardless of the response."""

    number: int
    service: str
    operation: str
    parameters: dict[str, Any]
    region: str
    mutating: bool
    needs: tuple[Need, ...]
    outcome: str = "unanswered"
    executed: bool = False
    fault: str | None = None

    @property
    def actions(self) -> set[str]:
        """Return the IAM actions that the call requires."""
        return {need.action for need in self.needs}


@dataclass
class Fault:
    """A fault of matching calls from the `nth` on, `times` times (None: always).

    A reset or a hang happens before the call is executed, or `after` it.
    """

    kind: Kind
    service: str | None = None
    operation: str | None = None
    nth: int = 1
    times: int | None = 1
    mutating: bool | None = None
    after: bool = False
    seen: int = 0
    struck: int = 0

    def strikes(self, call: Call) -> bool:
        """Count a call and return whether it fails."""
        if self.service not in (None, call.service) or self.operation not in (None, call.operation):
            return False
        if self.mutating not in (None, call.mutating):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.seen >= self.nth + self.times):
            return False
        self.struck += 1
        return True


def refusal(kind: Kind, request: Request, call: Call) -> Refusal:
    """Return the error of a fault in the words of the called service."""
    xml = request.protocol not in ("json", "rest-json")
    if request.service == "s3" and kind == "throttle":
        return Refusal("SlowDown", "Please reduce your request rate.", 503)
    if kind == "limit" and request.service in LIMITS:
        return Refusal(*LIMITS[request.service], 400)
    code, message, status = (OTHER_CODES | (QUERY_CODES if xml else JSON_CODES))[kind]
    need = call.needs[0] if call.needs else Need(f"{request.service}:{request.operation}", "*")
    caller = f"arn:aws:sts::123456789012:assumed-role/developer/{request.access_key}"
    return Refusal(code, message.format(caller=caller, action=need.action, resource=need.resource), status)


@dataclass
class Recorder:
    """All calls since the last reset, and the active faults."""

    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, request: Request) -> tuple[Call, Fault | None]:
        """Record a request, and return its record with the fault that applies."""
        with self._lock:
            names = (request.service, request.operation, request.parameters, request.region)
            call = Call(len(self.calls) + 1, *names, is_mutating(request), tuple(needs(request)))
            self.calls.append(call)
            fault = next((fault for fault in self.faults if fault.strikes(call)), None)
            call.fault = fault.kind if fault else None
        return call, fault

    def clear(self) -> None:
        """Forget calls and faults, and release hanging calls."""
        self.released.set()
        with self._lock:
            self.calls.clear()
            self.faults.clear()
        self.released = threading.Event()
