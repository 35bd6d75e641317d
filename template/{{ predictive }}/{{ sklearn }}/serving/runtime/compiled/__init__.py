# Part of the library: `copier update` replaces this file.
"""Models with their steps compiled: the same answers as those of scikit-learn, several times faster.

`of_model` compiles a model, and compares it with the model itself on rows that would show an error. Without
proof, the model answers as it is.
"""

import logging
import os
from pathlib import Path
from time import perf_counter
from typing import Any

from runtime.compiled.categories import NotCompiled
from runtime.compiled.model import Compiled, Plain
from runtime.compiled.recorded_rows import read
from runtime.tables import Table as Reader

log = logging.getLogger("serving")


def of_model(model: Any, reader: Reader | None, path: Path) -> Plain:
    """Return a model with its steps compiled if that is proven to be the same and faster, else as it is.

    `reader` reads its rows; without one, the model takes arrays of numbers. `path` is the file of the model.
    """
    if os.environ.get("SERVING_COMPILE") == "0":
        log.info("serving with scikit-learn: SERVING_COMPILE is 0")
        return Plain(model, reader)
    started = perf_counter()
    try:
        compiled = Compiled(model, reader, read(path.parent, reader))
    except NotCompiled as error:
        log.warning("serving with scikit-learn, because a step cannot be compiled: %s", error)
    except Exception as error:  # another release of scikit-learn can have other attributes
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        log.warning("serving with scikit-learn, because compiling failed: %s", reason)
    else:
        if compiled.is_faster:
            log.info("serving the compiled steps, made and compared in %.2f s", perf_counter() - started)
            return compiled
        log.info("serving with scikit-learn: the model has no step to compile")
    return Plain(model, reader)
