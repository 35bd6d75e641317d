"""Every error of a question has an example, complete and accepted by the question."""

import pytest

from extensions.mcc.interview import answer_formats

WRONG = "wrong \n answer"


@pytest.mark.parametrize("question", answer_formats.FORMATS)
def test_an_error_ends_with_a_complete_example(question: str) -> None:
    message = answer_formats.problem(question, WRONG)
    example = answer_formats.FORMATS[question].example
    assert message.endswith(f"Example: {example}")


@pytest.mark.parametrize("question", answer_formats.FORMATS)
def test_an_example_is_accepted(question: str) -> None:
    for example in answer_formats.FORMATS[question].example.split(", "):
        if not example.startswith(("hf_…", "or set")):
            assert answer_formats.problem(question, example) == ""


@pytest.mark.parametrize("question", answer_formats.NUMBERS)
def test_a_wrong_count_has_an_example(question: str) -> None:
    assert "Example: " in answer_formats.whole_number(question, "many")
