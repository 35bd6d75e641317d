"""Which kind of project a test is for, and which server keeps the objects."""

import os

import pytest

# What only a server that keeps the objects in this process can be made to do.
in_process = pytest.mark.skipif(bool(os.environ.get("REAL_CLUSTER")), reason="a real server has these anyway")
every_kind = pytest.mark.parametrize("cluster", ["abalone", "chat", "operated"], indirect=True)
with_gpus = pytest.mark.parametrize("cluster", ["chat"], indirect=True)
with_operator = pytest.mark.parametrize("cluster", ["operated"], indirect=True)
