"""A model is identified by its content, and a large one at the start of a server by parts of it."""

import time
from pathlib import Path

from extensions.mcc.artifacts import artifacts


def test_a_large_model_is_identified_by_parts_of_it_at_the_start_alone(tmp_path: Path) -> None:
    model = tmp_path / "model.bin"
    with model.open("wb") as file:
        file.truncate(3 * 1024**3)  # without a block on the disk
    started = time.perf_counter()
    known = {"sha256": "of another model", "fingerprint": artifacts.fingerprint(model)}
    assert artifacts.is_identified(model, known, quick=True) and time.perf_counter() - started < 2
    with model.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert not artifacts.is_identified(model, known, quick=True)
    small = tmp_path / "small.bin"
    small.write_bytes(b"model")
    found = artifacts.identity(small)
    assert artifacts.is_identified(small, found, quick=True)
    for changed in ({**found, "sha256": "other"}, {}):  # the parts do not decide here
        assert not artifacts.is_identified(small, changed, quick=True)
    (tmp_path / "folder").mkdir()
    small.rename(tmp_path / "folder" / "small.bin")
    assert artifacts.fingerprint(tmp_path / "folder") != found["fingerprint"]
