"""What a check found."""

from lifecycle.project import Failure

OK, WARNING, ERROR, NOT_CHECKED = "ok", "warning", "error", "not checked"
Finding = dict[str, str]


def finding(name: str, severity: str, what: str, seen: str, remedy: str = "") -> Finding:
    """Return a finding: `what` it is about or what is wrong, what was `seen`, and what to do next."""
    return {"id": name, "severity": severity, "what": what, "seen": seen, "next": remedy}


def of_failure(failure: Failure, severity: str = ERROR) -> Finding:
    """Return what a failure says as a finding."""
    return {**failure.finding, "severity": severity}
