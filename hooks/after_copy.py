"""What Copier runs once, after a copy: bring the model into the project, or train the sample.

Called as `after_copy.py MODEL_PATH MODEL_FILE` in the new project. It always ends with 0, for Copier
would delete the whole project otherwise; what did not work is said in a line.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

TRAIN = """
import sys
from lifecycle import local, project

try:
    local.train()
except project.Failure as failure:
    sys.exit(str(failure))
"""


def main(model_path: str, model_file: str) -> None:
    """Copy the model at `model_path` to model/, or train the sample model when it is empty."""
    if model_path:
        bring(Path(os.path.expanduser(model_path)), Path("model") / model_file)
    else:
        print(
            "Training the sample model in .venv-model; the first time takes a minute or two.", file=sys.stderr
        )
        train()


def bring(source: Path, target: Path) -> None:
    """Copy a model file or directory; say so when that fails."""
    try:
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
    except OSError as error:
        print(f"The model was not copied ({error}). Later: cp -r {source} {target}", file=sys.stderr)


def train() -> None:
    """Train with the project's own code; say how to do it later when that fails."""
    if subprocess.run([sys.executable, "-c", TRAIN], env={**os.environ, "PYTHONPATH": "do"}).returncode:
        print("The sample model was not trained. `do/run --local` tries again.", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
