"""Measure the inspection of a large pickle: `python -m tests.bench.large_pickle [GB]`.

The pickle is that of a scikit-learn model with many arrays of 20 MB, written as a file with holes. The
figures are those of a whole `make inspect`: Python, the catalog and the file.
"""

import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

ARRAY_BYTES = 20_000_000
LARGEST_SECONDS, LARGEST_MB = 1.0, 50.0
REPOSITORY = Path(__file__).resolve().parents[2]


def text(value: str) -> bytes:
    """Return a text as protocol 4 writes it."""
    return b"\x8c" + bytes([len(value)]) + value.encode()


def write(file: BinaryIO, arrays: int) -> None:
    """Write a pickle of a model with arrays that are holes in the file."""
    named = text("sklearn.ensemble._forest") + text("RandomForestRegressor")
    file.write(b"\x80\x04" + named + b"\x93)\x81}(" + text("estimators_") + b"](")
    for _ in range(arrays):
        file.write(b"\x8e" + struct.pack("<Q", ARRAY_BYTES))
        file.seek(ARRAY_BYTES, 1)
    ending = text("n_features_in_") + b"K\x08" + text("_sklearn_version") + text("1.7.1")
    file.write(b"e" + ending + b"ub.")


def measured(path: Path) -> tuple[float, float]:
    """Return the seconds and the MB of the process that inspects a file."""
    command = [sys.executable, "-m", "extensions.mcc.face.inspect_model", str(path)]
    started = time.monotonic()
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


def main() -> int:
    """Print the figures; return 1 if a limit is exceeded."""
    arrays = int(float(sys.argv[1] if len(sys.argv) > 1 else 2) * 1e9 / ARRAY_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pkl"
        with path.open("wb") as file:
            write(file, arrays)
        seconds, megabytes = measured(path)
        size = path.stat().st_size / 1e9
    print(f"\n{size:.1f} GB: {seconds:.2f} s and {megabytes:.0f} MB, Python and catalog included")
    return 0 if seconds <= LARGEST_SECONDS and megabytes <= LARGEST_MB else 1


if __name__ == "__main__":
    sys.exit(main())
