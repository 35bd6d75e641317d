"""Models of Keras 2 and 3, and SavedModels."""

import os
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf
from cases import ASKED, NUMBER, X, random, request, write

layers: Any = keras.layers
IS_OLD = keras.__version__.startswith("2.")
keras.utils.set_random_seed(0)


class Own(layers.Layer):
    """A layer that Keras does not have."""

    def call(self, inputs: Any) -> Any:
        """Return three times the inputs."""
        return inputs * 3


def small(*inner: Any, shape: tuple[int, ...] = (4,)) -> Any:
    """Return a model with one number per row."""
    return keras.Sequential([keras.Input(shape), *inner, layers.Dense(1)])


def attention() -> Any:
    """Return a functional model with attention."""
    rows = keras.Input((5, 4))
    found = layers.MultiHeadAttention(2, 3)(rows, rows)
    return keras.Model(rows, layers.Dense(1)(layers.GlobalAveragePooling1D()(found)))


def normalized() -> Any:
    """Return a model that scales its input by what it saw."""
    scale = layers.Normalization()
    scale.adapt(X)
    return small(scale, layers.Dense(3, activation="relu"))


def two_outputs() -> Any:
    """Return a model with two outputs."""
    rows = keras.Input((4,), name="rows")
    return keras.Model(rows, [layers.Dense(1, name="age")(rows), layers.Dense(2, name="size")(rows)])


def two_inputs() -> Any:
    """Return a model with two inputs."""
    first, second = keras.Input((4,), name="first"), keras.Input((3,), name="second")
    return keras.Model([first, second], layers.Dense(1)(layers.Concatenate()([first, second])))


def trained() -> Any:
    """Return a model after training, with the state of its optimizer."""
    model = small(layers.Dense(4, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.2))
    model.compile(optimizer="adam", loss="mse")
    model.fit(X, NUMBER, verbose=0)
    return model


MODELS = {
    "dense": (trained(), (4,)),
    "normalized": (normalized(), (4,)),
    "lstm": (small(layers.LSTM(3), shape=(5, 4)), (5, 4)),
    "gru, both ways": (small(layers.Bidirectional(layers.GRU(3)), shape=(5, 4)), (5, 4)),
    "image": (
        small(layers.DepthwiseConv2D(2), layers.SeparableConv2D(2, 2), layers.Flatten(), shape=(6, 6, 2)),
        (6, 6, 2),
    ),
    "attention": (attention(), (5, 4)),
    "two outputs": (two_outputs(), (4,)),
}


def answers(model: Any, rows: np.ndarray) -> Any:
    """Return the predictions, one per row: an object for a row of several outputs."""
    found = model(rows, training=False)
    if not isinstance(found, (list, tuple)):
        return np.asarray(found)
    names = model.output_names
    return [
        dict(zip(names, row, strict=True))
        for row in zip(*(np.asarray(each).tolist() for each in found), strict=True)
    ]


def files() -> None:
    """Write each model as HDF5 and as an archive."""
    for name, (model, shape) in MODELS.items():
        rows = random.normal(size=(ASKED, *shape)).round(3).astype("float32")
        for ending in ("h5", "keras"):
            asked = [request(rows, answers(model, rows)), request(rows[:1], answers(model, rows[:1]))]
            write(
                f"keras {name} {ending}",
                lambda path, m=model: m.save(path),
                asked,
                f"model.{ending}",
                tolerance=1e-5,
            )
    asked = [request(X[:ASKED], [])]
    for ending in ("h5", "keras"):
        file = f"model.{ending}"
        write(f"keras own layer {ending}", lambda path: small(Own()).save(path), asked, file, "refused")
        doubled = small(layers.Lambda(lambda rows: rows * 2))
        asked_of = [request(X[:ASKED], answers(doubled, X[:ASKED].astype("float32")))]
        # A file of Keras 2 runs the function that it has; Keras 3 does not.
        write(f"keras lambda {ending}", lambda path, m=doubled: m.save(path), asked_of, file, "either", 1e-5)
        joined = two_inputs()
        first, second = X[:ASKED].astype("float32"), X[:ASKED, :3].astype("float32")
        rows = [{"first": one, "second": other} for one, other in zip(first, second, strict=True)]
        asked_of = [request(rows, np.asarray(joined([first, second])))]
        write(
            f"keras two inputs {ending}", lambda path, m=joined: m.save(path), asked_of, file, tolerance=1e-5
        )
    write(
        "keras weights",
        lambda path: MODELS["dense"][0].save_weights(path),
        asked,
        "model.weights.h5",
        "refused",
    )


def by_their_own_version() -> None:
    """Write a file for a project with the TensorFlow that saved it, which is not resolved by default."""
    rows = X[:ASKED].astype("float32")
    asked = [request(rows, answers(MODELS["dense"][0], rows))]
    of_project = {"framework_version": tf.__version__}
    write(
        "keras by its own TensorFlow",
        lambda path: MODELS["dense"][0].save(path),
        asked,
        "model.h5",
        tolerance=1e-5,
        **of_project,
    )


def saved_models() -> None:
    """Write SavedModels."""
    for name, (model, shape) in {**MODELS, "own layer": (small(Own()), (4,))}.items():
        rows = random.normal(size=(ASKED, *shape)).round(3).astype("float32")
        model(rows)
        for folder in ("saved", "export/Servo/1") if name == "dense" else ("saved",):
            if name == "two outputs":
                continue  # the names of its outputs differ between versions
            asked = [request(rows, answers(model, rows))]
            export = tf.saved_model.save if IS_OLD else lambda m, path: m.export(path)
            file = folder.partition("/")[0]
            write(
                f"SavedModel {name} {folder}",
                lambda path, m=model, f=folder, e=export: e(m, str(path.parent / f)),
                asked,
                file,
                tolerance=1e-5,
            )

    class Scale(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float64)])
        def call(self, rows: Any) -> dict[str, Any]:
            return {"score": rows * 2.0}

    scale = Scale()
    asked = [request(X[:ASKED], X[:ASKED] * 2)]
    signatures = {"serving_default": scale.call}
    write(
        "SavedModel of a module",
        lambda path: tf.saved_model.save(scale, str(path), signatures=signatures),
        asked,
        "saved",
    )


if __name__ == "__main__":
    files()
    saved_models()
    if IS_OLD:
        by_their_own_version()
