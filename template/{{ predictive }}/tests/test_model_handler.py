"""Tests of the model handler with the model in model/.

Run them with .venv-model/bin/python -m unittest tests/test_model_handler.py
"""

import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "serving"))

from model_handler import ModelHandler
from runtime import tensors
from runtime.codec import RequestError
from runtime.inference import find_model

MODELS = Path(__file__).resolve().parent.parent / "model"


class ModelHandlerTest(unittest.TestCase):
    """Extend this class when you edit serving/model_handler.py."""

    handler: ModelHandler
    row: list[Any]

    @classmethod
    def setUpClass(cls) -> None:
        cls.handler = ModelHandler()
        cls.handler.load(find_model(MODELS, ModelHandler.MODEL_FILE))
        if tensors.named(cls.handler):
            raise unittest.SkipTest("the model takes rows by name: test it with rows of your own")
        table = getattr(cls.handler, "table", None)
        cls.row = [*table.example.values()] if table else [0.5] * (cls.handler.row_shape or (1,))[0]

    def predict(self, rows: list[Any]) -> list[Any]:
        features = self.handler.preprocess(rows)
        return list(self.handler.postprocess(self.handler.predict(features)))

    def test_one_prediction_a_row(self) -> None:
        self.assertEqual(len(self.predict([self.row, self.row, self.row])), 3)

    def test_a_row_is_predicted_alike_alone_and_among_others(self) -> None:
        alone, among = self.predict([self.row]), self.predict([self.row] * 100)
        if isinstance(alone[0], str):
            self.assertEqual(alone[0], among[99])
            return
        self.assertAlmostEqual(float(str(alone[0]).strip("[]")), float(str(among[99]).strip("[]")), places=5)

    def test_a_row_too_long_is_refused(self) -> None:
        with self.assertRaises(RequestError):
            self.handler.preprocess([[*self.row, 0.5]])


if __name__ == "__main__":
    unittest.main()
