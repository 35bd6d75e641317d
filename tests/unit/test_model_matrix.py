"""The matrix of models reports wrong answers and refusals that do not help. `make test-models` runs it."""

import pytest

from tests.models.makers_of_models import MAKERS
from tests.models.matrix import Row, judged
from tests.models.serve import same

REFUSED = "serve: cannot load the model /work/model/model.pkl: "


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        (REFUSED + "Unsuitable: model.pkl was saved by 1.9. Use scikit-learn 1.9.1.", "refused"),
        (REFUSED + "ValueError: could not read byte 7", "unexplained"),
        ("model_path: model.pkl is an array, not a model. Save the model alone.", "refused"),
        ("KeyError: 123", "unexplained"),
    ],
)
def test_a_refusal_names_the_next_step(message: str, outcome: str) -> None:
    row = judged(Row("scikit-learn 1.9.1", "forest", "refused"), "refused", message)
    assert (row.outcome, row.is_right) == (outcome, outcome == "refused")


def test_an_outcome_is_the_expected_one() -> None:
    for expected, outcome, is_right in (
        ("served", "served", True),
        ("served", "refused", False),
        ("refused", "served", False),
        ("either", "refused", True),
        ("either", "wrong", False),
    ):
        assert Row("x", "y", expected, outcome=outcome).is_right == is_right


def test_answers_are_compared_to_the_tolerance() -> None:
    assert same([1.0, ["a", None]], [1.0 + 1e-10, ["a", None]], 1e-9)
    for one, other in (
        ([1.0], [1.0 + 1e-6]),
        ([1], [True]),
        (["a"], ["b"]),
        ([1.0], [1.0, 2.0]),
        ([None], [0.0]),
        ({"a": 1}, {"b": 1}),
        ([[1.0]], [1.0]),
        ("1", 1),
    ):
        assert not same(one, other, 1e-9) and not same(other, one, 1e-9), (one, other)


def test_each_maker_has_a_name_of_its_own() -> None:
    names = [maker.name for maker in MAKERS]
    assert len(names) == len(set(names)) > 10
    assert not [(a, b) for a in names for b in names if a != b and a.startswith(b)]  # names select makers
