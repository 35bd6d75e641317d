"""Train the sample model and save it to the given path. do/build runs this if there is no model."""

import json
import sys
from pathlib import Path

import tensorflow as tf
from abalone import read_abalones, report

HERE = Path(__file__).resolve().parent


def main(path: Path) -> None:
    """Train, compare with a baseline on test rows, and save."""
    rows, rings, unseen, unseen_rings = read_abalones()
    tf.keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()
    scale = tf.keras.layers.Normalization()
    scale.adapt(rows)
    model = tf.keras.Sequential(
        [
            tf.keras.Input([rows.shape[1]], name="measurements"),
            scale,
            tf.keras.layers.Dense(32, "relu"),
            tf.keras.layers.Dense(32, "relu"),
            tf.keras.layers.Dense(1),
        ]
    )
    model.compile(tf.keras.optimizers.Adam(0.003), "mse")
    model.fit(rows, rings, batch_size=64, epochs=40, verbose=0)
    predictions = model.predict(unseen, verbose=0)[:, 0]

    report(predictions, unseen_rings, rings)
    model.export(path, verbose=False)
    examples = {"rows": unseen[:5], "expected": unseen_rings[:5], "predictions": predictions[:5]}
    (HERE / "examples.json").write_text(json.dumps({name: each.tolist() for name, each in examples.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
