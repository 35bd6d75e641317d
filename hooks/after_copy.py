"""Run once after a copy: add the model to the project, or train the sample model.

Called as `after_copy.py MODEL_PATH MODEL_FILE [FORMAT [GIVEN]]` in the new project, with an empty MODEL_FILE
where the project itself reads the model to make a repository of it. GIVEN is the path or the address on S3
that MODEL_PATH was downloaded from. It always ends with 0, for Copier
would delete the whole project otherwise. A failure is reported in one line.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from extensions.mcc.artifacts import model_folders, onnx_files
from extensions.mcc.inspection import about, inspector, samples, tars
from extensions.mcc.inspection.findings import Findings

CALL = """
import sys
from pathlib import Path
from lifecycle import project
from lifecycle.served import local

try:
    getattr(local, sys.argv[1])(*map(Path, sys.argv[2:]))
except project.Failure as failure:
    sys.exit(str(failure))
"""


def main(model_path: str, model_file: str, model_format: str = "", given: str = "") -> None:
    """Copy the model at `model_path` to model/, or train the sample model when it is empty.

    `given` is the path or address of the answers.
    """
    if not model_path:
        print(
            "Training the sample model in .venv-model; the first time takes a minute or two.", file=sys.stderr
        )
        train()
        return
    path = Path(os.path.expanduser(model_path))
    try:
        found = inspector.inspect(path)
        is_temporary = found.container == tars.KIND or given not in ("", model_path)
        with unpacked(path, found) as root:
            source = root / found.model
            if not model_file:
                read(source, given or model_path)
            elif found.is_script:
                bring_with_script(source, found, model_format)
            elif bring(source, target := Path("model") / model_file, is_temporary) and found.is_understood:
                about.write(found, target, model_format)
                samples.write(found, root, target)
    except (*tars.DAMAGED, tars.Unsafe) as error:
        print(f"Could not copy the model ({error}). Copy it to model/ yourself.", file=sys.stderr)


@contextmanager
def unpacked(path: Path, found: Findings) -> Iterator[Path]:
    """Return the path of a model or its folder; of an archive, a folder with what was extracted."""
    if found.container != tars.KIND:
        yield path
        return
    with TemporaryDirectory() as folder:
        tars.extract(path, Path(folder), found.model, code=found.is_script, others=samples.names(found))
        yield Path(folder)


def bring_with_script(source: Path, found: Findings, model_format: str) -> None:
    """Copy a model under its own name, by which its inference.py loads it, and the folder of the script."""
    parts = Path(found.model).parts
    top, target = source.parents[len(parts) - 1], Path("model") / found.model
    copied = bring(source, target, True) and bring(top / tars.CODE, Path("model") / tars.CODE, True)
    if copied and found.is_understood and len(parts) == 1:  # the facts belong to the folder model/
        about.write(found, target, model_format)


def bring(source: Path, target: Path, is_temporary: bool = False) -> bool:
    """Copy a model file, with an ONNX model's files of weights, or a directory.

    Report a failure, with the command that repeats it unless the source is temporary. Return whether it
    succeeded.
    """
    try:
        if leaving := model_folders.link_that_leaves(source):
            raise OSError(f"{leaving} is a link that leaves the folder; copy the model with cp -rL first")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
            for name in onnx_files.weight_files(source) if source.suffix == ".onnx" else []:
                if (weights := target.parent / name).exists():
                    raise OSError(f"{name} is in model/ already; give the weights another name")
                weights.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source.parent / name, weights)
    except (OSError, ValueError) as error:
        again = "Copy it to model/ yourself." if is_temporary else f"To try again: cp -r {source} {target}"
        print(f"Could not copy the model ({error}). {again}", file=sys.stderr)
        return False
    return True


def train() -> None:
    """Train with the project's own code; report how to do it later if that fails."""
    if not call("train"):
        again = "do/build" if Path("model_repository").is_dir() else "do/run --local"
        print(f"Could not train the sample model. To try again: {again}", file=sys.stderr)


def read(model: Path, given: str) -> None:
    """Let the project build its model repository; report how to do it later if that fails."""
    if not call("take", str(model)):
        print(f"Could not import the model. To try again: do/repository {given}", file=sys.stderr)


def call(function: str, *arguments: str) -> bool:
    """Call a function of the project's lifecycle.served.local; return whether it succeeded."""
    command = [sys.executable, "-c", CALL, function, *arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": "do"}).returncode == 0


if __name__ == "__main__":
    main(*sys.argv[1:])
