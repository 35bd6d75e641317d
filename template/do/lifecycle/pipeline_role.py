# Part of the library: `copier update` replaces this file.
"""The check of the role that a CI pipeline assumes: which repositories its trust policy admits."""

from collections.abc import Iterator
from typing import Any

from lifecycle.aws import Aws
from lifecycle.project import ERROR, OK, WARNING, Config, Finding, finding

NAME = "pipeline-role"
FIX = "deploy iam/delivery.yml again: it admits one repository"


def check(settings: Config, aws: Aws) -> Finding:
    """Return whether only one repository can assume the role. Raise Failure if it cannot be read."""
    name = f"mcc-{settings.project_id}-delivery"
    role = aws.find("iam", "get_role", RoleName=name)
    if role is None:
        seen = f"{name} does not exist"
        return finding(NAME, WARNING, "the pipeline has no role", seen, "deploy iam/delivery.yml")
    admitted = list(subjects(role["Role"]["AssumeRolePolicyDocument"]))
    if seen := next((subject or "every repository" for subject in admitted if is_open(subject)), ""):
        what = "other repositories can assume the role of the pipeline"
        return finding(NAME, ERROR, what, f"{name} admits {seen}", FIX)
    return finding(NAME, OK, "role of the pipeline", f"admits {', '.join(admitted)}")


def subjects(trust: dict[str, Any]) -> Iterator[str]:
    """Yield the subjects that a trust policy admits, "" for a statement that requires none."""
    listed = trust["Statement"]
    for statement in listed if isinstance(listed, list) else [listed]:
        conditions = statement.get("Condition", {})
        keys = {**conditions.get("StringLike", {}), **conditions.get("StringEquals", {})}
        values = [value for key, value in keys.items() if key.endswith(":sub")] or [""]
        if statement["Effect"] == "Allow":
            for value in values:
                yield from value if isinstance(value, list) else [value]


def is_open(subject: str) -> bool:
    """Return whether a subject, possibly a pattern, admits more than one repository and branch."""
    return not subject or bool(set(subject) & set("*?"))


CHECKS = {NAME: ("role of the pipeline", check)}
