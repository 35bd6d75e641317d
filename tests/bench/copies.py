"""`make bench`: how long copies and updates take, as ratios measured in one run.

Against an empty template, so that what is measured is this template and not Copier.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import copier

from extensions.mcc.catalog import catalog
from extensions.mcc.models import model_config
from extensions.mcc.sizing import gpu_sizer
from extensions.mcc.sizing.gpu_sizer import Load
from tests.conftest import REPOSITORY, TEMPLATE, git, release

ROUNDS = 5
OPTIONS: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
LANGUAGE_MODEL = {"deployment_config": "transformers-vllm", "offline": True}


def seconds(action: Callable[[], Any]) -> float:
    """Return the median time of an action, after one try that is not counted."""
    action()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    """Print times, and their ratio to a default copy."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, empty = folder / "source", folder / "empty"
        source.mkdir()
        for item in TEMPLATE:
            path = REPOSITORY / item
            shutil.copytree(path, source / item) if path.is_dir() else shutil.copy(path, source)
        empty.mkdir()
        (empty / "README.md").write_text("empty")
        count = iter(range(1000))

        def copy(template: Path, **data: Any) -> Callable[[], Any]:
            return lambda: copier.run_copy(
                str(template), folder / f"made-{next(count)}", data=data, **OPTIONS
            )

        default = seconds(copy(source))
        print(f"a default copy, in process     {default:6.3f} s  1.00 x")
        for title, action in {
            "an empty template": copy(empty),
            "a language model, offline": copy(source, **LANGUAGE_MODEL),
        }.items():
            taken = seconds(action)
            print(f"{title:<30} {taken:6.3f} s  {taken / default:.2f} x")
        copied, updated = update(folder, source)
        print(
            f"{'an update, git included':<30} {updated:6.3f} s  {updated / copied:.2f} x of a copy with git"
        )
    model = model_config.from_catalog(catalog.models()["meta-llama/Llama-3.1-70B-Instruct"])
    load = Load(8192, 16)
    print(f"sizing against all types       {seconds(lambda: gpu_sizer.choices(model, load)) * 1000:6.1f} ms")


def update(folder: Path, source: Path) -> tuple[float, float]:
    """Return the seconds of a copy from a repository, and of an update to its next version."""
    git(source, "init")
    release(source, "v1")
    made = folder / "updated"
    copier.run_copy(str(source), made, **OPTIONS)
    git(made, "init")
    release(made, "made")
    (source / "NOTES").write_text("a new version")
    release(source, "v2")

    def again() -> None:
        git(made, "reset", "--hard", "made")
        git(made, "clean", "-fd")
        copier.run_update(made, overwrite=True, **OPTIONS)

    copied = seconds(
        lambda: copier.run_copy(str(source), Path(tempfile.mkdtemp(dir=folder)) / "x", **OPTIONS)
    )
    return copied, seconds(again)


if __name__ == "__main__":
    main()
