"""A table model on LitServe."""

import os
import sys
from typing import Any

import joblib
import litserve
import pandas as pd


class Tables(litserve.LitAPI):
    """A model that takes records, or columns with data."""

    def setup(self, device: str) -> None:
        """Load the model."""
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request: dict[str, Any]) -> pd.DataFrame:
        """Return the rows of a JSON document."""
        rows = request.get("instances")
        return pd.DataFrame(rows) if rows else pd.DataFrame(request["data"], columns=request["columns"])

    def predict(self, frame: pd.DataFrame) -> list[Any]:
        """Return predictions."""
        return self.model.predict(frame).tolist()

    def encode_response(self, output: list[Any]) -> dict[str, list[Any]]:
        """Return the document of the response."""
        return {"predictions": output}


if __name__ == "__main__":
    server = litserve.LitServer(Tables(api_path="/invocations"), accelerator="cpu", workers_per_device=2)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=2,
        log_level="warning",
        generate_client_file=False,
    )
