# Part of the library: `copier update` replaces this file.
"""Load the model once, and print what it accepts as JSON. It runs as `python -m runtime.trial` in serving/.

A native library can crash on a model, which ends the process: the caller reports how it ended.
"""

import json
import os
import platform
import sys

from runtime.inference import Inference


def main() -> None:
    """Load the model of MODEL_DIR as the server does. Exit with code 3 and a reason if that fails."""
    print(f"trial: Python {platform.python_version()}", file=sys.stderr, flush=True)
    inference = Inference()
    if inference.handler.LOAD_AFTER_FORK:
        inference.load()
    loaded = {"model": inference.path.name, "python": platform.python_version(), **inference.describe()}
    print(json.dumps(loaded), flush=True)
    sys.stderr.flush()
    os._exit(0)  # some libraries crash when the interpreter ends, which a server never does


if __name__ == "__main__":
    main()
