"""Train the sample model and save it to the given path. do/build runs this if there is no model."""

import json
import sys
from pathlib import Path

import numpy as np
from abalone import read_abalones, report
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestRegressor

HERE = Path(__file__).resolve().parent


def main(path: Path) -> None:
    """Train, compare with a baseline on test rows, and save."""
    rows, rings, unseen, unseen_rings = read_abalones()
    rows, unseen = rows.astype(np.float32), unseen.astype(np.float32)  # the input type of the graph
    model = RandomForestRegressor(n_estimators=50, min_samples_leaf=10, random_state=0, n_jobs=1)
    model.fit(rows, rings)
    predictions = model.predict(unseen)

    report(predictions, unseen_rings, rings)
    path.write_bytes(to_onnx(model, rows[:1], target_opset={"": 17, "ai.onnx.ml": 3}).SerializeToString())
    examples = {"rows": unseen[:5], "expected": unseen_rings[:5], "predictions": predictions[:5]}
    (HERE / "examples.json").write_text(json.dumps({name: each.tolist() for name, each in examples.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
