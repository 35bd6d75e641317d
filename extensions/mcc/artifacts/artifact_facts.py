"""Facts that a model file can state, and the errors of reading one."""

from dataclasses import dataclass

PICKLE, XGBOOST_JSON, XGBOOST_UBJ = "pickle", "XGBoost JSON", "XGBoost UBJSON"
XGBOOST_BINARY = "old XGBoost binary"
KERAS, HDF5, SAVED_MODEL, UNKNOWN = "Keras archive", "HDF5", "SavedModel", "unknown"
SCIKIT_LEARN, XGBOOST, LIGHTGBM, NUMPY = "scikit-learn", "xgboost", "lightgbm", "numpy"


@dataclass(frozen=True)
class Artifact:
    """Facts that a model file states; empty where it states nothing.

    `library` is the package that wrote it, `version` that package's version, `root` the pickled class and
    `modules` the packages that loading it imports. `complete` is false when limits ended the search.
    """

    kind: str = UNKNOWN
    library: str = ""
    version: str = ""
    root: str = ""
    modules: tuple[str, ...] = ()
    needs_numpy: tuple[int, ...] = ()  # the oldest numpy that reads it
    needs_pandas: bool = False  # it has steps that take a DataFrame
    is_multi_output: bool = False  # trees of XGBoost with several numbers a leaf
    is_gamma: bool = False  # XGBoost's reg:gamma
    has_model: bool = True  # false for weights alone
    complete: bool = True


class NotUnderstood(Exception):
    """The file is cut off, or is not what it begins as."""


class Exhausted(Exception):
    """A limit of time or size is reached."""
