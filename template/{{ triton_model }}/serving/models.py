"""Where the model repository is."""

import os
from pathlib import Path

MODEL_DIR = Path(os.environ.get("MODEL_DIR", "/opt/ml/model"))


def repository() -> Path:
    """Return the repository: what the image has or what SageMaker brings."""
    return MODEL_DIR


def prepared(run_dir: Path, name: str) -> Path:
    """Return the repository as Triton is to read it."""
    return MODEL_DIR
