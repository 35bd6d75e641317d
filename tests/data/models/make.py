"""Make the models of this folder, each in an environment of its own. Run by hand, with uv:

python tests/data/models/make.py
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = """
import numpy as np
x = np.random.default_rng(0).random((60, 3))
y = x.sum(1)
"""
XGBOOST = {"n_estimators": 2, "max_depth": 2}
# name -> Python, packages, source
MODELS: dict[str, tuple[str, list[str], str]] = {
    "sklearn-1.2.2.pkl": (
        "3.11",
        ["scikit-learn==1.2.2", "numpy==1.24.2", "scipy==1.10.1"],
        "import pickle; from sklearn.ensemble import RandomForestRegressor\n"
        "pickle.dump(RandomForestRegressor(2, max_depth=2).fit(x, y), open(name, 'wb'), protocol=2)",
    ),
    "sklearn-1.5.2.pkl": (
        "3.12",
        ["scikit-learn==1.5.2", "numpy==2.2.3"],
        "import pickle; from sklearn.ensemble import GradientBoostingRegressor\n"
        "pickle.dump(GradientBoostingRegressor(n_estimators=2).fit(x, y), open(name, 'wb'))",
    ),
    "sklearn-1.4.2.joblib": (
        "3.12",
        ["scikit-learn==1.4.2", "numpy==1.26.4"],
        "import joblib; from sklearn.feature_extraction.text import TfidfVectorizer\n"
        "from sklearn.linear_model import LogisticRegression; from sklearn.pipeline import make_pipeline\n"
        "model = make_pipeline(TfidfVectorizer(), LogisticRegression())\n"
        "model.fit(['a cat', 'my dog', 'one cat'], [1, 0, 1])\n"
        "joblib.dump(model, name, compress=3)",
    ),
    "sklearn-1.9.1.joblib": (
        "3.12",
        ["scikit-learn==1.9.1", "numpy==2.4.6"],
        "import joblib; from sklearn.preprocessing import OneHotEncoder\n"
        "from sklearn.linear_model import LogisticRegression; from sklearn.pipeline import make_pipeline\n"
        "words = np.array([['red'], ['blue'], ['red'], ['green']], object)\n"
        "joblib.dump(make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, [1, 0, 1, 0]), name)",
    ),
    "xgboost-3.4.1.json": (
        "3.12",
        ["xgboost-cpu==3.4.1", "scikit-learn"],
        f"import xgboost; xgboost.XGBRegressor(**{XGBOOST}).fit(x, y).save_model(name)",
    ),
    "xgboost-3.4.1.ubj": (
        "3.12",
        ["xgboost-cpu==3.4.1", "scikit-learn"],
        f"import xgboost; xgboost.XGBRegressor(**{XGBOOST}).fit(x, y).save_model(name)",
    ),
    "xgboost-1.7.6.model": (
        "3.11",
        ["xgboost==1.7.6", "scikit-learn==1.2.2", "numpy==1.24.2", "scipy==1.10.1"],
        f"import xgboost; xgboost.XGBRegressor(**{XGBOOST}).fit(x, y).save_model(name)",
    ),
    "xgboost-2.1.3.pkl": (
        "3.12",
        ["xgboost-cpu==2.1.3", "scikit-learn==1.5.2"],
        f"import pickle, xgboost; model = xgboost.XGBRegressor(**{XGBOOST}).fit(x, y)\n"
        "pickle.dump(model.get_booster(), open(name, 'wb'))",
    ),
    "xgboost-2.1.3-multi-output.json": (
        "3.12",
        ["xgboost-cpu==2.1.3", "scikit-learn==1.5.2"],
        "import xgboost; model = xgboost.XGBRegressor(multi_strategy='multi_output_tree', "
        "tree_method='hist', n_estimators=2, max_depth=2)\n"
        "model.fit(x, np.c_[y, -y]).save_model(name)",
    ),
    "xgboost-2.1.3-multi-output.ubj": (
        "3.12",
        ["xgboost-cpu==2.1.3", "scikit-learn==1.5.2"],
        "import xgboost; model = xgboost.XGBRegressor(multi_strategy='multi_output_tree', "
        "tree_method='hist', n_estimators=2, max_depth=2)\n"
        "model.fit(x, np.c_[y, -y]).save_model(name)",
    ),
    "xgboost-2.0.3-gamma.json": (
        "3.12",
        ["xgboost==2.0.3", "scikit-learn==1.5.2"],
        f"import xgboost; model = xgboost.XGBRegressor(objective='reg:gamma', **{XGBOOST})\n"
        "model.fit(x, y).save_model(name)",
    ),
    "lightgbm-4.5.0.pkl": (
        "3.11",
        ["lightgbm==4.5.0", "scikit-learn==1.5.2", "numpy==2.2.3"],
        "import pickle, lightgbm; model = lightgbm.LGBMClassifier(n_estimators=2, num_leaves=3, verbose=-1)\n"
        "pickle.dump(model.fit(x, np.where(y > 1.5, 'big', 'small')), open(name, 'wb'))",
    ),
    # As Keras lays such a file out, without the weights: TensorFlow would be 1.4 GB.
    "keras-2.15.0.h5": (
        "3.12",
        ["h5py"],
        "import h5py, json\n"
        "with h5py.File(name, 'w') as file:\n"
        "    file.attrs['keras_version'], file.attrs['backend'] = b'2.15.0', b'tensorflow'\n"
        "    file.attrs['model_config'] = json.dumps({'class_name': 'Sequential', 'config': {}}).encode()",
    ),
    "weights.h5": (
        "3.12",
        ["h5py"],
        "import h5py\n"
        "with h5py.File(name, 'w') as file:\n"
        "    file.attrs['layer_names'], file.attrs['keras_version'] = [b'dense'], b'3.15.1'",
    ),
}


def main() -> None:
    """Make all models, or those named on the command line."""
    for name in sys.argv[1:] or MODELS:
        python, packages, source = MODELS[name]
        command = ["uv", "run", "--quiet", "--isolated", "--no-project", "--python", python]
        command += [part for package in packages for part in ("--with", package)]
        run = [*command, "python", "-c", f"name = {name!r}\n{DATA}\n{source}"]
        subprocess.run(run, cwd=HERE, check=True)
        print(name, (HERE / name).stat().st_size)


if __name__ == "__main__":
    main()
