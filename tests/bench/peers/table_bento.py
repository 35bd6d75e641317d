"""A table model on BentoML: a DataFrame of records, and columns with data."""

import os
from typing import Any

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=2, logging={"access": {"enabled": False}})
class Tables:
    """A model behind two routes."""

    def __init__(self) -> None:
        """Load the model."""
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api(route="/records")
    def records(self, instances: pd.DataFrame) -> dict[str, list[Any]]:
        """Answer predictions for rows by name."""
        return {"predictions": self.model.predict(instances).tolist()}

    @bentoml.api(route="/split")
    def split(self, columns: list[str], data: list[list[Any]]) -> dict[str, list[Any]]:
        """Answer predictions for rows in the order of the columns."""
        return {"predictions": self.model.predict(pd.DataFrame(data, columns=columns)).tolist()}
