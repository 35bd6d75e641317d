"""A role that other repositories can assume is an error."""

from typing import Any

import pytest
from lifecycle import pipeline_role
from lifecycle.project import ERROR, OK, WARNING

from tests.unit.do.test_specification import SETTINGS

HOST = "token.actions.githubusercontent.com"
OURS = "repo:team/model:environment:production"


class Account:
    """An account with one role, or none."""

    def __init__(self, *statements: dict[str, Any]) -> None:
        self.statements = statements

    def find(self, service: str, operation: str, **request: str) -> dict[str, Any] | None:
        assert (service, operation) == ("iam", "get_role")
        assert request == {"RoleName": f"mcc-{SETTINGS.project_id}-delivery"}
        trust = {"Statement": list(self.statements)}
        return {"Role": {"AssumeRolePolicyDocument": trust}} if self.statements else None


def statement(**condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}


EXACT = statement(StringEquals={f"{HOST}:aud": "sts.amazonaws.com", f"{HOST}:sub": OURS})


@pytest.mark.parametrize(
    ("statements", "severity", "seen"),
    [
        ([], WARNING, "does not exist"),
        ([EXACT], OK, OURS),
        ([statement(StringEquals={f"{HOST}:sub": [OURS, f"{OURS}-2"]})], OK, f"{OURS}-2"),
        ([statement(StringEquals={f"{HOST}:aud": "sts.amazonaws.com"})], ERROR, "every repository"),
        ([{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity"}], ERROR, "every repository"),
        ([statement(StringLike={f"{HOST}:sub": "repo:team/*"})], ERROR, "repo:team/*"),
        ([statement(StringLike={f"{HOST}:sub": [OURS, "repo:team/m?del:*"]})], ERROR, "repo:team/m?del:*"),
        ([EXACT, statement(StringEquals={f"{HOST}:aud": "x"})], ERROR, "every repository"),
        ([EXACT, {"Effect": "Deny", "Action": "sts:AssumeRoleWithWebIdentity"}], OK, OURS),
    ],
)
def test_a_role_admits_one_repository(statements: list[dict[str, Any]], severity: str, seen: str) -> None:
    account: Any = Account(*statements)
    found = pipeline_role.check(SETTINGS, account)
    assert found.severity == severity and seen in found.seen and (found.next or severity == OK)
