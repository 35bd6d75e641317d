# Part of the library: `copier update` replaces this file.
"""Record the first three rows of a file and the answers of the library to them in model/examples.json."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from lifecycle import environment
from lifecycle.predictive import local, requests
from lifecycle.predictive.requests import MODELS
from lifecycle.project import PRECONDITION, PROJECT, USAGE, VERIFICATION, Config, Failure, Result

sys.path.append(str(PROJECT / "serving"))

import runtime.artifacts as artifacts
import runtime.examples as stored

KEPT = "model/examples.json was written by hand"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/examples."""
    parser.add_argument("--data", metavar="FILE", required=True, help="rows: .csv, .json, .jsonl or .npy")


def run(_settings: Config, arguments: argparse.Namespace) -> Result:
    """Predict with the model in model/, and write the rows and the predictions."""
    content_type, _body = requests.read(Path(arguments.data))
    _keep_own()
    model = _model()
    variables = environment.bare(MODEL_DIR=str(MODELS), PYTHONPATH=str(PROJECT / "serving"))
    command = [str(local.server_python()), "-m", "runtime.record_examples", arguments.data, content_type]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode:
        what, next_step = (
            "no example was recorded",
            "fix the data, or preprocess() in serving/model_handler.py",
        )
        raise Failure(VERIFICATION, "not-recorded", what, done.stderr.strip()[-500:], next_step)
    example = json.loads(done.stdout.splitlines()[-1])
    stored.write(MODELS, model, [example])
    text = f"wrote model/examples.json; do/test sends and compares it:\n{json.dumps(example)[:300]}"
    return {"example": example, "text": text}


def _model() -> Path:
    """Return the model that the examples belong to."""
    script = MODELS / "code" / "inference.py"
    if script.exists():
        return script
    if local.MODEL.exists():
        return local.MODEL
    found = sorted(MODELS.glob(f"*{local.MODEL.suffix}")) if local.MODEL.suffix else []
    found = [path for path in found if path.name not in artifacts.NOT_MODELS]
    if len(found) != 1:
        what, seen = "no example was recorded", f"model/ has no {local.MODEL.name}"
        raise Failure(PRECONDITION, "no-model", what, seen, "copy your model to model/")
    return found[0]


def _keep_own() -> None:
    """Raise Failure if the file of today was not written by a command."""
    path = MODELS / stored.FILE
    if path.exists() and '"sha256"' not in path.read_text("utf-8", "replace"):
        raise Failure(
            USAGE, "own-examples", "no example was recorded", KEPT, "delete it, or add to it by hand"
        )
