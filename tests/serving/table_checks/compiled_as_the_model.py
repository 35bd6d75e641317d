"""A compiled model answers each request as the model itself: the same status, labels and numbers."""

import os
import sys
import warnings
from typing import Any

os.environ["SERVING_LOG_LEVEL"] = "error"
import orjson
from compiled_cases import cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import same, served

EXAMPLES = int(os.environ.get("EXAMPLES", "6"))


def values(column: Any) -> Any:
    """Return a strategy of the values of a column: known, unknown, missing, and of a wrong type."""
    known = [st.sampled_from(sorted(column.values, key=str))] if column.values else []
    numbers = [st.floats(-100, 100), st.integers(-5, 90), st.just(column.example), st.floats(allow_nan=False)]
    usual = known or (numbers if column.type == "number" else [st.just("Bonn")])
    rare = st.one_of(st.none(), st.text(max_size=3), st.booleans(), st.integers(), st.just([]))
    return st.integers(0, 29).flatmap(lambda n: rare if n == 0 else st.none() if n == 1 else st.one_of(usual))


def outcome(server: Any, body: bytes) -> tuple[int, Any]:
    """Return the status and the document of a response."""
    status, answered, *_ = server.answer(body, None, None, None)
    return status, orjson.loads(answered)


def compare(compiled: Any, plain: Any, name: str) -> None:
    """Send the same requests to two servers."""
    columns = compiled.table.columns
    row = st.fixed_dictionaries({column.name: values(column) for column in columns})
    outputs = ["labels"] + ["both"] * (plain.outputs.predict_proba is not None)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.one_of(st.lists(row, min_size=1, max_size=1), st.lists(row, min_size=2, max_size=40)),
        st.sampled_from(outputs),
    )
    def answers_are_the_same(rows: list[dict[str, Any]], output: str) -> None:
        try:
            body = orjson.dumps({"instances": rows, "parameters": {"output": output}})
        except TypeError:  # an integer of more than 64 bits, or a lone surrogate
            return
        (status, found), (expected_status, expected) = outcome(compiled, body), outcome(plain, body)
        assert status == expected_status, (name, rows, found, expected)
        assert found.keys() == expected.keys(), (name, rows)
        for key in found:
            one, other = found[key], expected[key]
            assert (one == other) if isinstance(one, str) else same(one, other), (name, key, rows, one, other)

    answers_are_the_same()


only = sys.argv[1:]
tried = 0
for name, model, frame, target, path in cases():
    if only and not any(part in name for part in only):
        continue
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(frame, target)
    servers = {}
    for switch in ("1", "0"):
        os.environ["SERVING_COMPILE"] = switch
        servers[switch] = served(model)
    about = orjson.loads(servers["1"].status())
    assert about["path"] == path, (name, about["path"])
    assert orjson.loads(servers["0"].status())["path"] == "scikit-learn"
    compare(servers["1"], servers["0"], name)
    tried += 1
print("the same", tried)
