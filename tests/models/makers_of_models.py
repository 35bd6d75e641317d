"""The environments that make models of the matrix: a library, its version, and the script that runs in it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Maker:
    """An environment and a script in makers/ that writes models in it."""

    name: str
    python: str
    script: str
    packages: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def is_wanted(self, names: Iterable[str]) -> bool:
        """Return whether the maker is named, by the beginning of its name; without names, all are."""
        wanted = tuple(names)
        return not wanted or self.name.startswith(wanted)


def sklearn(version: str, python: str, numpy: str, pandas: str, *arguments: str, date: str = "") -> Maker:
    """Return the maker of a version of scikit-learn, with packages as they were on a date."""
    packages = (f"scikit-learn=={version}", f"numpy{numpy}", f"pandas{pandas}", "joblib")
    options = ("--exclude-newer", date) if date else ()
    return Maker(f"scikit-learn {version}", python, "sklearn_models.py", packages, arguments, options)


def forest(library: str, version: str, python: str, *more: str, package: str = "") -> Maker:
    """Return the maker of a version of XGBoost, LightGBM or CatBoost."""
    packages = (f"{package or library}=={version}", "scikit-learn", "pandas", "joblib", *more)
    return Maker(f"{library} {version}", python, "forests.py", packages, (library,))


def keras(tensorflow: str, *more: str) -> Maker:
    """Return the maker of a version of TensorFlow, with a Keras."""
    name = f"TensorFlow {tensorflow}"
    packages = (f"tensorflow-cpu=={tensorflow}", "setuptools<81", *more)
    return Maker(name, "3.11", "networks.py", packages)


MLFLOW = (
    *("mlflow-skinny", "skops", "scikit-learn==1.9.1", "pandas", "joblib"),
    *("lightgbm==4.7.0", "xgboost-cpu==3.2.0"),
)
MAKERS: tuple[Maker, ...] = (
    sklearn("1.9.1", "3.11", ">=2", ">=3"),
    sklearn("1.7.2", "3.11", ">=2", "<3"),
    sklearn("1.8.0", "3.11", ">=2", ">=3", "few"),
    sklearn("1.7.1", "3.11", ">=2", "<3", "few"),
    sklearn("1.6.1", "3.11", ">=2", "<3", "few"),
    sklearn("1.5.2", "3.11", ">=2", "<3", "few"),
    sklearn("1.4.2", "3.11", "<2", "<3", "few"),
    sklearn("1.3.2", "3.11", "<2", "<3", "few"),
    sklearn("1.2.2", "3.11", "<2", "<3", "few", date="2023-06-01"),
    forest("xgboost", "2.1.3", "3.11", "scikit-learn<1.6", package="xgboost-cpu"),
    forest("xgboost", "3.2.0", "3.11", package="xgboost-cpu"),
    forest("xgboost", "3.4.1", "3.12", package="xgboost-cpu"),
    forest("xgboost", "1.7.6", "3.11", "scikit-learn==1.2.2", "numpy<2", "pandas<3"),
    forest("lightgbm", "4.7.0", "3.11"),
    forest("lightgbm", "4.5.0", "3.11", "scikit-learn<1.6"),
    forest("catboost", "1.2.10", "3.11"),
    keras("2.20.0", "keras==3.15.1"),
    keras("2.18.1", "keras==3.6.0"),
    keras("2.15.1", "numpy<2"),
    Maker("ONNX", "3.11", "onnx_models.py", ("onnx", "onnxruntime", "skl2onnx", "scikit-learn")),
    Maker("MLflow and archives", "3.11", "containers.py", MLFLOW),
)
