# Part of the library: `copier update` replaces this file.
"""Load files of Keras 2 and 3, with the layers and functions in serving/custom.py."""

import importlib
import importlib.util
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tensorflow as tf
from runtime import artifacts

UNKNOWN = re.compile(
    r"(?:Could not locate (?:class|function)|Unknown \w+:) '(?P<name>[^']+)'"
    r"|Cannot deserialize object of type `(?P<other>[^`]+)`"
)
LAMBDA = re.compile(r"safe_mode=False|enable_unsafe_deserialization")
EXPORT = 'export a SavedModel where it was trained, which needs no code: model.export("SavedModel").'


def load(path: Path) -> Any:
    """Return the model in a file. Raise Unsuitable for another version of Keras, or if it needs code."""
    artifacts.require(path, versions_of("keras", "tf-keras"))
    try:
        return keras_of(path).models.load_model(path, compile=False, custom_objects=own_objects())
    except (TypeError, ValueError) as error:
        if found := UNKNOWN.search(str(error)):
            name = (found["name"] or found["other"]).rpartition(">")[2]
            what = f"{path.name} needs your {name}, which is not in the file."
            raise artifacts.Unsuitable(f"{what} Define it in serving/custom.py, or {EXPORT}") from error
        if LAMBDA.search(str(error)):
            what = f"{path.name} has a Lambda layer, a Python function that is not loaded from a file."
            raise artifacts.Unsuitable(f"{what} E{EXPORT[1:]}") from error
        raise


def keras_of(path: Path) -> Any:
    """Return the Keras that reads a file: that of TensorFlow, or tf_keras for Keras 2 if it is installed."""
    is_old = artifacts.look(path).version.startswith("2.")
    return importlib.import_module("tf_keras") if is_old and versions_of("tf-keras") else tf.keras


def own_objects() -> dict[str, Any]:
    """Return the public names of serving/custom.py, {} without that file."""
    if not importlib.util.find_spec("custom"):
        return {}
    named = vars(importlib.import_module("custom"))
    return {name: value for name, value in named.items() if not name.startswith("_")}


def versions_of(*packages: str) -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
