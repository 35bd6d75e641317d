"""Which versions of libraries can serve a model, by the facts that its file states.

The template judges models with this module and those it imports when a project is made. A project carries
the same modules in serving/runtime/, for its commands and its server. They need the standard library alone.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .artifact_facts import (
    HDF5,
    KERAS,
    LIGHTGBM,
    NUMPY,
    PICKLE,
    SCIKIT_LEARN,
    UNKNOWN,
    XGBOOST,
    XGBOOST_BINARY,
    XGBOOST_JSON,
    XGBOOST_UBJ,
    Artifact,
)
from .model_reader import look

__all__ = [
    "NOT_MODELS",
    "XGBOOST",
    "Artifact",
    "Unsuitable",
    "Verdict",
    "digest",
    "files_of",
    "fingerprint",
    "identity",
    "is_identified",
    "judge",
    "judge_warning",
    "look",
    "numbers",
    "pinned",
    "require",
]

TF_KERAS = "tf-keras"
TITLES = {SCIKIT_LEARN: "scikit-learn", XGBOOST: "XGBoost", "keras": "Keras", NUMPY: "numpy"}
# A library reads a file by its ending, whatever is in it. Files of no known kind are left to the library.
KINDS = {
    ".pkl": (PICKLE,),
    ".joblib": (PICKLE,),
    ".json": (XGBOOST_JSON,),
    ".ubj": (XGBOOST_UBJ,),
    ".model": (XGBOOST_BINARY, XGBOOST_UBJ, XGBOOST_JSON),
    ".keras": (KERAS,),
    ".h5": (HDF5,),
}
ENDINGS = {XGBOOST_JSON: ".json", XGBOOST_UBJ: ".ubj", XGBOOST_BINARY: ".model", KERAS: ".keras", HDF5: ".h5"}

LARGEST_HASHED = 64 * 1024**2  # bytes of a model that a server reads whole at its start to identify it
PARTS, PART_BYTES = 64, 1 << 17  # of a file, for its fingerprint

# Files in the folder of a model: its notes, rows to test it, and the facts that were read in it.
NOT_MODELS = ("README.md", "examples.json", "about.json")
VERSION_WARNING = re.compile(r"Trying to unpickle estimator \w+ from version (\S+) when using version")


@dataclass(frozen=True)
class Verdict:
    """Why the installed libraries cannot serve a model, or only with a warning; `fix` names what can."""

    problem: str = ""
    warning: str = ""
    fix: str = ""


class Unsuitable(ValueError):
    """The installed libraries cannot serve a model, or could answer wrong numbers."""


def require(path: Path, installed: Mapping[str, str]) -> str:
    """Return a warning about serving a model with the `installed` versions, or "". Raises Unsuitable."""
    verdict = judge(look(path), path.name, installed)
    if verdict.problem:
        raise Unsuitable(f"{verdict.problem} {verdict.fix}")
    return verdict.warning


def judge(model: Artifact, name: str, installed: Mapping[str, str], ending: str = "") -> Verdict:
    """Return whether libraries of the `installed` versions can serve a model of this file `name`.

    A package that is missing from `installed` is not judged. `ending` is what the file is called by in a
    project, where that is known to differ.
    """
    kinds = KINDS.get(ending or Path(name).suffix, ())
    if model.kind != UNKNOWN and kinds and model.kind not in kinds:
        return _wrong_kind(model, name)
    if not model.has_model:
        fix = "Save the whole model: call model.save(...) instead of model.save_weights(...)."
        return Verdict(f"{name} contains only weights, without the model architecture.", fix=fix)
    if model.library == XGBOOST:
        return _judge_xgboost(model, name, installed)
    if model.library == LIGHTGBM and LIGHTGBM not in installed and SCIKIT_LEARN in installed:
        what = model.root.rpartition(".")[2]
        cause = f"{name} holds a pickled {what} of LightGBM, which is not installed."
        return Verdict(cause, fix="Choose framework=lightgbm, model_format=pkl. Or install lightgbm, too.")
    if model.library == SCIKIT_LEARN:
        return _judge_sklearn(model, name, installed)
    if model.library == "keras" and "keras" in installed:
        return _judge_keras(model, name, installed)
    return Verdict()


def judge_warning(text: str, name: str, installed: Mapping[str, str]) -> Verdict:
    """Return the meaning of scikit-learn's warning about another version."""
    found = VERSION_WARNING.search(text)
    return judge(Artifact(PICKLE, SCIKIT_LEARN, found[1]), name, installed) if found else Verdict()


def pinned(requirements: Iterable[str]) -> dict[str, str]:
    """Return package -> version of the lines of a requirements file."""
    found = {}
    for line in requirements:
        if match := re.match(r"\s*([A-Za-z0-9._-]+)==([^\s;#]+)", line):
            found["xgboost" if match[1] == "xgboost-cpu" else match[1].lower()] = match[2]
    return found


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files of a folder."""
    total = hashlib.sha256()
    for file in files_of(path):
        total.update(_name(file, path))
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                total.update(block)
    return total.hexdigest()


def fingerprint(path: Path) -> str:
    """Return a SHA-256 of the sizes and of parts of a file, or of all files of a folder.

    It takes milliseconds for a model of gigabytes. Models that differ have different ones, unless only bytes
    between the parts differ: where that would be a wrong answer, compare `digest`.
    """
    total = hashlib.sha256()
    for file in files_of(path):
        size = file.stat().st_size
        total.update(_name(file, path) + b"%d\0" % size)
        with file.open("rb") as opened:
            for part in range(PARTS + 1):
                opened.seek(max(0, size - PART_BYTES) * part // PARTS)
                total.update(opened.read(PART_BYTES))
    return total.hexdigest()


def identity(path: Path) -> dict[str, str]:
    """Return the digest and the fingerprint of a model, for files next to it."""
    return {"sha256": digest(path), "fingerprint": fingerprint(path)}


def is_identified(path: Path, known: Mapping[str, object], quick: bool) -> bool:
    """Return whether a model is the one of an `identity`; if `quick`, by the fingerprint of a large one."""
    if quick and "fingerprint" in known and sum(x.stat().st_size for x in files_of(path)) > LARGEST_HASHED:
        return fingerprint(path) == known["fingerprint"]
    return digest(path) == known.get("sha256")


def files_of(path: Path) -> list[Path]:
    """Return a file, or all files of a folder."""
    return [file for file in sorted(path.rglob("*")) if file.is_file()] if path.is_dir() else [path]


def _name(file: Path, path: Path) -> bytes:
    return b"" if file == path else file.relative_to(path).as_posix().encode() + b"\0"


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers to compare: (1, 7, 1) for 1.7.1."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _judge_sklearn(model: Artifact, name: str, installed: Mapping[str, str]) -> Verdict:
    library, numpy = installed.get(SCIKIT_LEARN, ""), installed.get(NUMPY, "")
    made, has = numbers(model.version), numbers(library)
    differs = bool(made and has and made != has)
    # From 1.4 on, patch releases read each other's models.
    if differs and (made[:2] != has[:2] or made[:2] in ((1, 2), (1, 3))):
        cause = (
            f"{name} was saved by scikit-learn {model.version}. Version {library} might fail to load it, "
            "or return wrong predictions."
        )
        return Verdict(cause, fix=f"Use scikit-learn {model.version}, or retrain the model with {library}.")
    if numpy and model.needs_numpy > numbers(numpy):
        needed = ".".join(map(str, model.needs_numpy))
        saved = "NumPy 2" if model.needs_numpy[0] > 1 else f"NumPy {needed} or later"
        cause = f"{name} was saved with {saved}. NumPy {numpy} cannot load it."
        return Verdict(cause, fix=f"Use NumPy {needed} or later, or save the model again with {numpy}.")
    if differs:
        return Verdict(
            warning=f"{name} was saved by scikit-learn {model.version}. Version {library} serves it."
        )
    return Verdict()


def _judge_xgboost(model: Artifact, name: str, installed: Mapping[str, str]) -> Verdict:
    if XGBOOST not in installed:
        if not model.root or SCIKIT_LEARN not in installed:
            return Verdict()
        cause = f"{name} contains {_described(model)}, but XGBoost is not installed."
        return Verdict(cause, fix=f"{_conversion(model)} Or add xgboost=={model.version}.")
    library, made = installed[XGBOOST], numbers(model.version)
    has = numbers(library)
    if made > has:
        cause = (
            f"{name} was saved by XGBoost {model.version}. The older version {library} loads it without an "
            "error, but returns wrong predictions."
        )
        return Verdict(cause, fix=f"Use XGBoost {model.version} or later.")
    if model.kind == XGBOOST_BINARY and has >= (3, 1):
        cause = f"{name} is in XGBoost's old binary format, which version {library} no longer supports."
        return Verdict(cause, fix=f"Use XGBoost 3.0.5, or save it as .ubj with XGBoost {made[0]}.{made[1]}.")
    if model.is_multi_output and made < (3, 2) <= has:
        cause = (
            f"{name} contains multi-output trees of XGBoost {model.version}. Version {library} crashes when "
            "it loads them."
        )
        return Verdict(
            cause, fix=f"Use XGBoost {model.version} or 3.1.3, or retrain the model with {library}."
        )
    if model.is_gamma and made < (2, 1) <= has < (3, 1):
        cause = f"{name} is a reg:gamma model of XGBoost {model.version}. Version {library} cannot load it."
        return Verdict(cause, fix=f"Use XGBoost {model.version}, or 3.1.3 or later.")
    return Verdict()


def _judge_keras(model: Artifact, name: str, installed: Mapping[str, str]) -> Verdict:
    library = installed["keras"]
    made, has = numbers(model.version), numbers(library)
    if made and made[0] < has[0]:
        if TF_KERAS in installed:  # Keras 2 under another name
            return Verdict()
        cause = f"{name} was saved by Keras {model.version}. Keras {library} does not load it reliably."
        loaded = f"tf.keras.models.load_model('{name}')"
        export = f'tf.saved_model.save({loaded}, "SavedModel")'
        return Verdict(cause, fix=f"Export it with the TensorFlow version that saved it: {export}")
    if made > has:
        cause = f"{name} was saved by Keras {model.version}, which is newer than Keras {library}."
        return Verdict(
            cause, fix=f"Use Keras {model.version} or later, or export a SavedModel: model.export(FOLDER)."
        )
    return Verdict()


def _wrong_kind(model: Artifact, name: str) -> Verdict:
    if model.library == XGBOOST and model.kind == PICKLE:
        return Verdict(f"{name} contains {_described(model)}, not a model file.", fix=_conversion(model))
    ending = ENDINGS.get(model.kind, ".pkl")
    cause = f"{name} does not match its file extension: the content is {model.kind}."
    return Verdict(cause, fix=f"Rename the file to end in {ending} (model_format={ending[1:]}).")


def _described(model: Artifact) -> str:
    return f"a pickled {model.root.rpartition('.')[2]} of XGBoost {model.version}".rstrip()


def _conversion(model: Artifact) -> str:
    return (
        f'Load it with XGBoost {model.version}, call its save_model("model.json"), '
        "and use framework=xgboost, model_format=json."
    )
