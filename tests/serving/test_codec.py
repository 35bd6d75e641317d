"""All ways to read a body give the same rows, and errors state the problem."""

import pytest

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries

TRY = """
import io
import sys
sys.path.insert(0, "serving")
import numpy as np
from runtime.codec import NPY, RequestError, decode, to_array

def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()

def with_header(text):
    header = text.encode() + b" " * (-(len(text) + 11) % 64) + b"\\n"
    return b"\\x93NUMPY\\x01\\x00" + len(header).to_bytes(2, "little") + header + bytes(64)

rows = np.arange(16.0).reshape(2, 8)
for array in (rows, rows.astype("f4"), np.asfortranarray(rows), rows.astype("i8")):
    assert (to_array(decode(saved(array), NPY), (8,)) == array).all(), array.dtype
wrong = [saved(rows)[:length] for length in (1, 9, 40, 150)]
wrong += [saved(rows > 3), saved(np.float64(1)), saved(rows * 1j)]
wrong += [saved(rows) + b"x", saved(np.array([{}])), saved(np.array(["a"]))]
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
    assert answer.stdout.strip() == "refused 19", answer.stdout + answer.stderr


BOTH_WAYS = """
import random
import sys
sys.path.insert(0, "serving")
from runtime import codec
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
def refused(row, shape):
    raise ValueError

quick, one_row = codec._read_numbers, codec._one_row
seen = set()
for _ in range(20_000):
    oddity = random.choice((0, 0, 0.02, 0.2))
    rows = codec.decode(orjson.dumps([row(oddity) for _ in range(random.randint(0, 4))]), None)
    for allow_missing in (False, True):
        codec._read_numbers, codec._one_row = quick, one_row
        one = tried(rows, allow_missing)
        codec._read_numbers, codec._one_row = (lambda rows, shape: np.array(rows)), refused
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


# Values that Python or numpy converts to numbers. The server rejects all of them.
ALMOST_NUMBERS = """
import sys
sys.path.insert(0, "serving")
from runtime import codec
import numpy as np
import orjson

def refused(body, content_type, shape, allow_missing):
    try:
        array = codec.to_array(codec.decode(body, content_type), shape, allow_missing)
    except codec.RequestError as error:
        assert error.status == 400, error.status
        return True
    print("accepted", body[:60], content_type, shape, array.tolist())
    return False

odd = (True, False, "0.1", "1_0", "", "nan", {}, {"a": 1}, [])
rows = [[[0.5, value]] for value in odd] + [[[value, value]] for value in odd]
rows += [[[0.5, 0.5]] * 4000 + row for row in rows]
bodies = [(orjson.dumps({"instances": row}), codec.JSON) for row in rows]
bodies += [(orjson.dumps(row), "application/json; charset=utf-8") for row in rows]
bodies += [(b"\\n".join(map(orjson.dumps, row)), codec.JSON_LINES) for row in rows]
bodies += [(b'{"t": 1, "instances": [[true, 1]]}', codec.JSON), (b'  {"instances":[[true,1]]}', codec.JSON)]
cells = ("1_0", "1_000.5", "_1", "0x10", "true", "\\u0661", "1 2", "--1", "inf", "-Infinity", "1e999", "'1'")
bodies += [(f"1,{cell}\\n".encode(), codec.CSV) for cell in cells]
bodies += [(f'1,"{cell}"\\n'.encode(), codec.CSV) for cell in cells]
bodies += [(b"1,1\\n" * 150_000 + b"1,1_0\\n", codec.CSV), (b'1,"' + b"1" * 200_000 + b'"\\n', codec.CSV)]
bodies += [(b'1,"1,5"\\n', codec.CSV), (b"1,2\\r3,4\\n5,x", codec.CSV), (b"\\xff,1", codec.CSV)]
for body, content_type in bodies:
    for shape in ((2,), (None,), None):
        for allow_missing in (False, True):
            if not refused(body, content_type, shape, allow_missing):
                sys.exit(1)
# A missing value in CSV is an empty cell or nan. Only models that allow it accept it.
for text in (b"1,\\n", b"1,nan\\n", b"1,NaN\\n"):
    assert refused(text, codec.CSV, (2,), False)
    assert np.isnan(codec.to_array(codec.decode(text, codec.CSV), (2,), True)[0, 1])
for text, number in {"1": 1, "+1.5": 1.5, " 2 ": 2, "1e3": 1000, ".5": 0.5, "5.": 5, "-0": 0}.items():
    for body in (f"{text}\\n", f'"{text}"\\n'):
        assert codec.to_array(codec.decode(body.encode(), codec.CSV), (1,))[0, 0] == number, body
print("refused", len(bodies))
"""


@pytest.mark.xdist_group("http-flask")
def test_what_is_almost_a_number_is_refused(render: Render) -> None:
    project = render(deployment_config="http-flask")
    answer = run_among_libraries(project, "sklearn", "http-flask", ALMOST_NUMBERS)
    assert answer.stdout.startswith("refused"), answer.stdout + answer.stderr


LONG_BODIES = """
import random
import sys
sys.path.insert(0, "serving")
from runtime import codec, csv_rows, row_errors
import numpy as np
import orjson

codec.PIECE_BYTES, codec.PIECE_ROWS, codec.MAX_ROWS = 40, 3, 50
csv_rows.PIECE_BYTES = 40
random.seed(0)

def value(depth):
    if not depth:
        return random.choice(("1", "0.25", "-3e2", "null", "true", "17"))
    commas = random.choice((",", ",", ",", " ,", ", "))
    return "[" + commas.join(value(depth - 1) for _ in range(random.randint(0, 4))) + "]"

read = 0
for _ in range(20_000):
    depth = random.choice((1, 2, 2, 2, 3))
    text = "[" + ",".join(value(depth - 1) for _ in range(random.randint(0, 40))) + "]"
    if random.random() < 0.3:
        text = '{"instances": ' + text + random.choice(("}", " } ", ', "signature_name": "x"}', "]"))
    if random.random() < 0.3:  # break it
        at = random.randrange(len(text) + 1)
        put = random.choice(("]", "[", ",", "", "}", " ", "],", "[],", '"'))
        text = text[:at] + put + text[at + random.randint(0, 1) :]
    try:
        whole = orjson.loads(text)
        whole = whole["instances"] if isinstance(whole, dict) else whole
    except (orjson.JSONDecodeError, KeyError):
        whole = None
    pieces = codec._decode_in_pieces(text.encode())
    assert pieces is None or pieces == whole, (text, pieces, whole)
    read += pieces is not None
assert read > 5000, read

rows = np.arange(400.0).reshape(50, 8)
text = "\\n".join(",".join(map(repr, row)) for row in rows.tolist())
for body in (text, text + "\\n", text.replace("\\n", "\\r\\n")):
    assert (codec.decode(body.encode(), codec.CSV) == rows).all()
for body in (orjson.dumps(rows.tolist()), orjson.dumps({"instances": rows.tolist()})):
    for shape in ((8,), (None,), None):
        assert (codec.to_array(codec.decode(body, None), shape) == rows).all()

def error(body, content_type=codec.JSON, shape=(8,)):
    try:
        return str(codec.to_array(codec.decode(body, content_type), shape))
    except codec.RequestError as refusal:
        return f"{refusal.status} {refusal}"

ragged = rows.tolist()
del ragged[40][3]
for shape in ((8,), None):
    answer = error(orjson.dumps(ragged), shape=shape)
    assert answer == f"400 Row 41 has 7 values, but row 40 has 8 values. {row_errors.SAME_LENGTH}", answer
answer = error(orjson.dumps([[1, 2]] * 40 + [[1, 2, 3]] * 10), shape=None)
assert answer == f"400 Row 41 has 3 values, but row 40 has 2 values. {row_errors.SAME_LENGTH}", answer
answer = error(orjson.dumps([[1, 2]] * 39 + [[1, 2, 3]] * 10), shape=None)
assert answer == f"400 Row 40 has 3 values, but row 1 has 2 values. {row_errors.SAME_LENGTH}", answer
more = np.zeros((51, 8))
lines = b"\\n".join([b"1,2,3,4,5,6,7,8"] * 51) + b"\\n"
header = b"{'descr': '|i1', 'fortran_order': False, 'shape': (51, 8), }"
header += b" " * (-(len(header) + 11) % 64) + b"\\n"
npy = b"\\x93NUMPY\\x01\\x00" + len(header).to_bytes(2, "little") + header + bytes(51 * 8)
limited = {
    codec.JSON: orjson.dumps(more.tolist()),
    codec.JSON_LINES: b"[1,2,3,4,5,6,7,8]\\n" * 51,
    codec.CSV: lines,
    codec.NPY: npy,
}
for content_type, body in limited.items():
    answer = error(body, content_type)
    assert answer == "413 The request has 51 rows. The limit is 50 (SERVING_MAX_ROWS).", answer
print("same")
"""


MESSAGES = """
import sys
sys.path.insert(0, "serving")
from runtime import codec, csv_rows, row_errors
import numpy as np
import orjson

def message(body, content_type=codec.JSON, shape=(2,), allow_missing=False):
    try:
        codec.to_array(codec.decode(body, content_type), shape, allow_missing)
    except codec.RequestError as error:
        return str(error)

rows = [[0.5, 0.5]] * 4000
NO_NUMBER = ". Send unquoted numbers, or convert other data in preprocess()."
NOT_MISSING = " The model does not accept missing values (null, NaN)."
expected = {
    "Row 4001, column 2 is 'abc'" + NO_NUMBER: [*rows, [0.5, "abc"]],
    "Row 4001, column 1 is null." + NOT_MISSING: [*rows, [None, 0.5]],
    "Row 4001, column 2 is true. Send 1 for true and 0 for false.": [*rows, [0.5, True]],
    "Row 4001 has 3 values. The model expects 2 values.": [*rows, [1, 2, 3]],
    "Row 2 has 1 value, but row 1 has 2 values. " + row_errors.SAME_LENGTH: [[1, 2], [1]],
    "Row 2 is not a list of numbers. " + row_errors.SAME_LENGTH: [[1, 2], 3],
    "The request has no rows. Send at least one.": [],
    "Send a list of rows, each a list of numbers: [[1.0, 2.0], [3.0, 4.0]].": [1, 2],
}
for text, sent in expected.items():
    assert message(orjson.dumps(sent)) == text, message(orjson.dumps(sent))
answer = message(orjson.dumps([[0.5, None], [None, "x"]]), allow_missing=True)
assert answer == "Row 2, column 2 is 'x'" + NO_NUMBER, answer
for text, (body, shape) in {
    "Row 3, column 2 is missing." + NOT_MISSING: (b"1,2\\n1,2\\n1,\\n", (2,)),
    "CSV row 1, column 2 is 'b', which is not a number. Send rows without a header.": (b"1,b\\n1,2\\n", (2,)),
    "CSV row 2, column 1 is 'a', which is not a number.": (b"1,2\\na,2\\n", (2,)),
    "CSV row 2 has 1 values, but the first row has 2. " + row_errors.SAME_LENGTH: (b"1,\\n2\\n", None),
}.items():
    assert message(body, codec.CSV, shape) == text, message(body, codec.CSV, shape)
print("same")
"""


@pytest.mark.xdist_group("http-flask")
def test_messages_name_the_row_the_column_and_the_value(render: Render) -> None:
    project = render(deployment_config="http-flask")
    answer = run_among_libraries(project, "sklearn", "http-flask", MESSAGES)
    assert answer.stdout.strip() == "same", answer.stdout + answer.stderr


@pytest.mark.xdist_group("http-flask")
def test_long_bodies_are_read_in_pieces_like_in_one_go_and_have_a_limit(render: Render) -> None:
    project = render(deployment_config="http-flask")
    answer = run_among_libraries(project, "sklearn", "http-flask", LONG_BODIES)
    assert answer.stdout.strip() == "same", answer.stdout + answer.stderr
