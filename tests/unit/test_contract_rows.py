"""The row that the contract suite sends: the recorded one if it fits the model."""

import json
from pathlib import Path

import pytest

from tests.unit.test_contract_suite import ROW, client, rows


def test_rows_of_a_model_are_those_of_its_examples(tmp_path: Path) -> None:
    examples = tmp_path / "examples.json"
    assert rows.of_examples(tmp_path) is None
    row = {"a": 1, "b": "x", "c": None}
    for content, found in (
        ({"instances": [[1, 2]]}, [1, 2]),
        ({"sha256": "", "examples": [{"request": {"instances": [row]}}]}, row),
        ([{"request": "1,2"}, {"request": {"instances": [[3]]}}], [3]),
        ([[1, 2]], None),
    ):
        examples.write_text(json.dumps(content))
        assert rows.of_examples(tmp_path) == found
    assert rows.fitting(row, {"b": "y", "a": 0}) == {"b": "x", "a": 1}
    assert rows.fitting([2, "z"], {"a": 0, "b": "y"}) == {"a": 2, "b": "z"}
    for other in (None, {"a": 1}, [1]):
        assert rows.fitting(other, {"a": 0, "b": "y"}) == {"a": 0, "b": "y"}
    assert rows.are_numbers([1, 2.5], [2]) and rows.are_numbers([1], [None])
    assert not any(rows.are_numbers(each, [2]) for each in ([1], [1, None], [1, True], None, []))
    own = ROW._replace(own_types=("image/png",))
    assert own.unknown_types() == ["text/plain", "application/x-none"]
    with pytest.raises(client.NotApplicable):
        ROW._replace(own_types=("*/*",)).unknown_types()
