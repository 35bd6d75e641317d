"""`make bench`: how long copies and updates take, as ratios measured in one run.

Against an empty template, so that what is measured is this template and not Copier. With `--against COMMIT`
the commands `copier copy` and `copier update` take turns with the template of that commit.
"""

import argparse
import io
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
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
Taken = tuple[float, float]  # seconds on the clock, and of the processor
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
    """Measure this template alone, or against another commit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", metavar="COMMIT", help="compare with the template of this commit")
    commit = parser.parse_args().against
    if commit:
        against(commit)
    else:
        alone()


def against(commit: str) -> None:
    """Print the medians of copies and updates from this template and from another commit, in turns."""
    with tempfile.TemporaryDirectory() as name:
        sources = {"HEAD": Path(name) / "new", commit: Path(name) / "old"}
        projects = {ref: prepared(ref, source) for ref, source in sources.items()}
        for title, action in {"copier copy": copied, "copier update": updated}.items():
            taken: dict[str, list[Taken]] = {ref: [] for ref in sources}
            for _ in range(ROUNDS):
                for ref, rounds in taken.items():
                    rounds.append(action(sources[ref], projects[ref]))
            for unit, place in {"seconds": 0, "processor seconds": 1}.items():
                new, old = (statistics.median(pair[place] for pair in rounds) for rounds in taken.values())
                print(f"{title:<14} {new:6.2f} {unit}, at {commit} {old:6.2f}  {new / old:.2f} x", flush=True)


def prepared(ref: str, source: Path) -> Path:
    """Extract the template of a commit into a repository with two versions; return a project of the first."""
    archive = subprocess.run(["git", "archive", ref], cwd=REPOSITORY, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(source, filter="data")
    git(source, "init")
    release(source, "v1")
    made = source.with_name(f"{source.name}-project")
    command("copy", "--trust", "--defaults", "--quiet", "--skip-tasks", str(source), str(made))
    git(made, "init")
    release(made, "made")
    (source / "NOTES").write_text("a new version")
    release(source, "v2")
    return made


def command(*arguments: str) -> Taken:
    """Return the seconds of a Copier command, including its start and its git calls."""
    started, before = time.perf_counter(), processor_seconds()
    subprocess.run([sys.executable, "-m", "copier", *arguments], check=True, capture_output=True)
    return time.perf_counter() - started, processor_seconds() - before


def processor_seconds() -> float:
    """Return the processor time of all commands that have ended; other programs disturb it least."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def copied(source: Path, made: Path) -> Taken:
    """Return the seconds of a copy."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        return command(
            *("copy", "--trust", "--defaults", "--quiet", "--skip-tasks", str(source), f"{folder}/made")
        )


def updated(source: Path, made: Path) -> Taken:
    """Return the seconds of an update to the second version."""
    git(made, "reset", "--hard", "made")
    git(made, "clean", "-fd")
    return command("update", "--trust", "--defaults", "--quiet", "--skip-tasks", str(made))


def alone() -> None:
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
        once, again = update(folder, source)
        print(f"{'an update, git included':<30} {again:6.3f} s  {again / once:.2f} x of a copy with git")
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

    once = seconds(lambda: copier.run_copy(str(source), Path(tempfile.mkdtemp(dir=folder)) / "x", **OPTIONS))
    return once, seconds(again)


if __name__ == "__main__":
    main()
