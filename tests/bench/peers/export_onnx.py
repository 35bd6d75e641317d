"""Convert a pickled model of numbers: `export_onnx.py MODEL FILE.onnx`."""

import sys
from pathlib import Path

import joblib
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

model = joblib.load(sys.argv[1])
converted = to_onnx(model, initial_types=[("rows", FloatTensorType([None, model.n_features_in_]))])
Path(sys.argv[2]).write_bytes(converted.SerializeToString())
