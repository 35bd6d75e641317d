"""Whatever is wrong with a .npy body, the caller is told so; arrays of every kind of number are read."""

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


@pytest.mark.xdist_group("http-flask-sklearn")
def test_a_malformed_npy_body_is_refused(render: Render) -> None:
    project = render(deployment_config="http-flask")
    answer = run_among_libraries(project, "sklearn", "http-flask", TRY)
    assert answer.stdout.strip() == "refused 17", answer.stdout + answer.stderr
