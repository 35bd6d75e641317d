# Part of the library: `copier update` replaces this file.
"""The IAM policies of each command and role, from iam/*.toml with the values of this project."""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from lifecycle.project import PRECONDITION, PROJECT, USAGE, Config, Failure, read_toml

DIRECTORY = PROJECT / "iam"


def names() -> list[str]:
    """Return the commands and roles that have a policy."""
    return sorted({holder for statement in _statements() for holder in statement["for"]})


def _statements() -> list[dict[str, Any]]:
    files = [read_toml(path) for path in sorted(DIRECTORY.glob("*.toml"))]
    return [statement for file in files for statement in file["statements"]]


def policy(name: str, settings: Config, account: str, partition: str) -> dict[str, Any]:
    """Return the policy of a command or role in the format of IAM, which accepts 6,144 characters.

    `account` is the 12-digit number, `partition` a name such as aws or aws-cn. Raise Failure (usage) for an
    unknown name, (precondition) if the policy requires a setting that is empty.
    """
    known, statements, settings = names(), _statements(), replace(settings, account=account)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1) or known
        seen = f"iam/ has no {name}; available: {', '.join(near)}"
        raise Failure(USAGE, "no-policy", f"there is no policy {name}", seen, f"do/doctor --policy {near[0]}")
    own = [
        {key: value for key, value in statement.items() if key not in ("for", "when")}
        for statement in statements
        if name in statement["for"] and getattr(settings, statement.get("when", "project_name"))
    ]
    filled = [{"Effect": "Allow", **_filled(statement, settings, account, partition)} for statement in own]
    short = filled if name.endswith("-role") else _merged(filled)  # iam/stack.yml has those of the roles
    return {"Version": "2012-10-17", "Statement": short}


def _merged(statements: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the same permissions, with one statement for all actions on the same resources."""
    merged = dict[str, dict[str, Any]]()
    for statement in statements:
        key = json.dumps([statement["Resource"], statement.get("Condition")], sort_keys=True)
        present = merged.setdefault(key, statement)
        present["Action"] = sorted({*present["Action"], *statement["Action"]})
    return list(merged.values())


def _filled(value: Any, settings: Config, account: str, partition: str) -> Any:
    """Return a value with the names in braces replaced: `account`, `partition`, or a setting."""
    if isinstance(value, dict):
        return {key: _filled(item, settings, account, partition) for key, item in value.items()}
    if isinstance(value, list):
        return [
            _filled(part, settings, account, partition) for item in value for part in _of_each(item, settings)
        ]
    given = {"account": account, "partition": partition}
    return re.sub(r"\{(\w+)\}", lambda name: given.get(name[1]) or _setting(settings, name[1]), value)


def _of_each(value: str, settings: Config) -> list[str]:
    """Return a text for each item of the setting that is a list and named in it, [value] without one."""
    for name in re.findall(r"\{(\w+)\}", value):
        if isinstance(items := getattr(settings, name, ""), list):
            return [value.replace(f"{{{name}}}", item) for item in items]
    return [value]


def _setting(settings: Config, name: str) -> str:
    """Return a setting for a policy. Raise Failure (precondition) if it is empty."""
    if found := str(getattr(settings, name)):
        return found
    what, seen = "the policy requires a setting that is empty", f'{name} = "" in do/config.toml'
    next_step = f"set {name} in do/config.toml, or add --set {name}=VALUE"
    raise Failure(PRECONDITION, "policy-incomplete", what, seen, next_step)
