"""The kinds of projects of a test, and the server that stores the objects."""

import os

import pytest

# Tests of behavior that only the server in this process can have.
in_process = pytest.mark.skipif(bool(os.environ.get("REAL_CLUSTER")), reason="a real server has these anyway")
every_kind = pytest.mark.parametrize("cluster", ["abalone", "chat", "operated"], indirect=True)
with_gpus = pytest.mark.parametrize("cluster", ["chat"], indirect=True)
with_operator = pytest.mark.parametrize("cluster", ["operated"], indirect=True)
