"""The suite on a machine without nginx: it passes, and one line names the skipped tests."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

# Read by every Python of the run, those of the workers too.
SITE = """
import shutil
which = shutil.which
shutil.which = lambda name, *more, **named: None if name == "nginx" else which(name, *more, **named)
"""


def test_without_nginx_a_line_names_what_was_not_tested(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SITE)
    options = ["-n", "1", "-p", "no:cacheprovider", "tests/unit/test_quoting.py", "-k", "nginx or toml"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=REPOSITORY,
        env=kept | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    named = [line for line in done.stdout.splitlines() if line.startswith("NOT TESTED: ")]
    assert len(named) == 1 and named[0].endswith("left out of tests/unit/test_quoting.py")
    assert re.search(r"\d+ passed, \d+ skipped", done.stdout)
