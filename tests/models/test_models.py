"""Everyday models are served with the answers of their libraries, or refused with what to do.

Run by `make test-models`: the environments take 10 GB in .models/, and minutes to install the first time.
"""

import pytest

from tests.models import environments, matrix
from tests.models.makers_of_models import MAKERS, Maker


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.name)
def test_models_are_served_as_by_their_library_or_refused(maker: Maker) -> None:
    if environments.python_of(maker.python) is None:
        pytest.skip(f"this machine has no Python {maker.python}")
    rows = matrix.run([maker.name])
    print(matrix.table(rows), matrix.summary(rows), sep="\n\n")
    matrix.record(maker.name, rows)
    assert len(rows) > 4
    assert not [row for row in rows if not row.is_right]
