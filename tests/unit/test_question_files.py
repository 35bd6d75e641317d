"""The question files and the check of answers have the same questions."""

import dataclasses
from typing import Any

import yaml
from copier._user_data import Question

from extensions.mcc.interview.questions import DERIVED, NEVER_ASKED, QUESTIONS
from tests.conftest import REPOSITORY

SETTINGS = {
    "_min_copier_version",
    "_subdirectory",
    "_templates_suffix",
    "_answers_file",
    "_envops",
    "_jinja_extensions",
    "_exclude",
    "_tasks",
    "_message_before_update",
    "_message_after_copy",
}


def documents() -> list[dict[str, Any]]:
    files = sorted((REPOSITORY / "questions").glob("*.yml"))
    return [yaml.safe_load(path.read_text()) for path in files]


# Copier gives these itself; every other field of its Question is an attribute that a question may have.
GIVEN_BY_COPIER = {"var_name", "answers", "context", "jinja_env", "settings"}


def test_every_question_is_known_to_the_check_and_has_help_that_fits() -> None:
    """Copier ignores an unknown attribute: use_search_filter did nothing."""
    allowed = {field.name for field in dataclasses.fields(Question)} - GIVEN_BY_COPIER
    assert {"type", "help", "default", "choices", "validator", "when", "ask", "secret"} <= allowed
    assert "use_search_filter" not in allowed
    for document in documents():
        for name, question in document.items():
            assert set(question) <= allowed, f"{name} has an attribute Copier would ignore"
            if question.get("when") is not False and name not in (*DERIVED, *NEVER_ASKED):
                assert name in QUESTIONS, f"{name} is missing in QUESTIONS"
                lines = question["help"].split("\n   ")
                assert len(lines) <= 2 and max(map(len, lines)) <= 75, name


def test_an_included_file_is_listed_and_a_setting_is_one_copier_knows() -> None:
    text = (REPOSITORY / "copier.yml").read_text()
    for path in sorted((REPOSITORY / "questions").glob("*.yml")):
        assert f"!include questions/{path.name}" in text
    settings = {line.split(":")[0] for line in text.splitlines() if line.startswith("_")}
    assert settings <= SETTINGS, "Copier would ignore an unknown setting in silence"
