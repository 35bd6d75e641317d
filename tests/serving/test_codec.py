"""Bodies are read the same whichever way they take; whatever is wrong with one, the caller is told so."""

import pytest

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries

TRY = """
import io
import sys
sys.path.insert(0, "serving")
import numpy as np
from codec import NPY, RequestError, decode, to_array

def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()

def with_header(text):
    header = text.encode() + b" " * (-(len(text) + 11) % 64) + b"\\n"
    return b"\\x93NUMPY\\x01\\x00" + len(header).to_bytes(2, "little") + header + bytes(64)

rows = np.arange(16.0).reshape(2, 8)
for array in (rows, rows.astype("f4"), np.asfortranarray(rows), rows.astype("i8"), rows > 3):
    assert (to_array(decode(saved(array), NPY), (8,)) == array).all(), array.dtype
wrong = [saved(rows)[:length] for length in (1, 9, 40, 150)]
wrong += [saved(rows) + b"x", saved(np.array([{}])), saved(np.array(["a"])), saved(rows * 1j)]
for shape in ("(9999999999999,)", "(-1, 4)", f"({2**70},)", f"({2**32}, {2**32})", "(True, 8)", "'a'"):
    wrong.append(with_header("{'descr': '<f8', 'fortran_order': False, 'shape': %s, }" % shape))
without_bytes = "{'descr': '|V0', 'fortran_order': False, 'shape': (4,), }"
wrong += [with_header(text) for text in ("(((", "1", without_bytes)]
for body in wrong:
    try:
        raise SystemExit(f"accepted: {body[:99]} as {to_array(decode(body, NPY), (8,))}")
    except RequestError as error:
        assert error.status == 400
print("refused", len(wrong))
"""


@pytest.mark.xdist_group("http-flask")
def test_a_malformed_npy_body_is_refused(render: Render) -> None:
    project = render(deployment_config="http-flask")
    answer = run_among_libraries(project, "sklearn", "http-flask", TRY)
    assert answer.stdout.strip() == "refused 17", answer.stdout + answer.stderr


BOTH_WAYS = """
import random
import sys
sys.path.insert(0, "serving")
import codec
import numpy as np
import orjson

WIDTH = 3
ODD = (None, True, "1", "", [], [1.5], {}, {"a": 1}, "abc", 2**63, 2**64 - 1, -(2**63), 1e308, 5e-324, -0.0)

def tried(rows, allow_missing):
    try:
        array = codec.to_array(rows, (WIDTH,), allow_missing)
    except codec.RequestError as error:
        return str(error)
    assert array.flags.writeable and array.dtype == np.float64
    return array.shape, array.tobytes()

def value():
    return random.choice((random.gauss(0, 1), random.randint(-9, 9), random.randint(-(2**60), 2**60)))

def row(oddity):
    width = WIDTH if random.random() > oddity else random.randint(0, WIDTH + 1)
    cells = [value() if random.random() > oddity else random.choice(ODD) for _ in range(width)]
    other = (*ODD, dict.fromkeys("abc", 1.0), [cells], cells + [cells])
    return cells if random.random() > oddity else random.choice(other)

random.seed(0)
quick = codec._read_numbers
seen = set()
for _ in range(20_000):
    oddity = random.choice((0, 0, 0.02, 0.2))
    rows = codec.decode(orjson.dumps([row(oddity) for _ in range(random.randint(0, 4))]), None)
    for allow_missing in (False, True):
        codec._read_numbers = quick
        one = tried(rows, allow_missing)
        codec._read_numbers = lambda rows, shape: np.array(rows)
        other = tried(rows, allow_missing)
        assert one == other, (rows, one, other)
        seen.add(one if isinstance(one, str) else "read")
assert len(seen) > 5 and "read" in seen, seen
print("same")
"""


@pytest.mark.xdist_group("http-flask")
def test_rows_are_read_the_same_the_quick_way_and_by_numpy(render: Render) -> None:
    project = render(deployment_config="http-flask")
    answer = run_among_libraries(project, "sklearn", "http-flask", BOTH_WAYS)
    assert answer.stdout.strip() == "same", answer.stdout + answer.stderr
