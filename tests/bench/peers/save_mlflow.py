"""Save a pickled model for MLflow: `save_mlflow.py MODEL EXAMPLE.csv FOLDER`."""

import sys

import joblib
import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature

model, example = joblib.load(sys.argv[1]), pd.read_csv(sys.argv[2])
signature = infer_signature(example, model.predict(example))
mlflow.sklearn.save_model(model, sys.argv[3], signature=signature, serialization_format="cloudpickle")
