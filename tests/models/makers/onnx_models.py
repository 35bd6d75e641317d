"""ONNX models: exported from scikit-learn, written node by node, and ones that cannot be served."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from cases import ASKED, NUMBER, THREE, YES, X, request, write
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROWS = X[:ASKED].astype(np.float32)
OPTIONS = {"random_state": 0}


def answers(model: Any, rows: np.ndarray = ROWS) -> Any:
    """Return the answer for each row: an object if there are several outputs."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    outputs = session.run(None, {session.get_inputs()[0].name: rows})
    if len(outputs) == 1:
        return outputs[0]
    names = [each.name for each in session.get_outputs()]
    columns = [each if isinstance(each, list) else each.tolist() for each in outputs]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def of_sklearn() -> None:
    """Write models that skl2onnx exports."""
    for name, model, target in (
        ("linear", LinearRegression(), NUMBER),
        ("forest", RandomForestRegressor(4, **OPTIONS), NUMBER),
        ("network", make_pipeline(StandardScaler(), MLPRegressor(max_iter=9, **OPTIONS)), NUMBER),
        ("classifier", LogisticRegression(), YES),
        ("forest classifier", RandomForestClassifier(4, **OPTIONS), THREE),
    ):
        model.fit(X, target)
        for zipmap in (True, False) if hasattr(model, "classes_") else (False,):
            more = {"options": {"zipmap": zipmap}} if hasattr(model, "classes_") else {}
            exported = to_onnx(model, ROWS[:1], **more)
            kind = ", maps" if zipmap else ""
            write(
                f"onnx {name}{kind}",
                lambda path, m=exported: onnx.save(m, path),
                [request(ROWS, answers(exported))],
                "model.onnx",
                tolerance=1e-6,
            )


def graph(inputs: list[Any], outputs: list[Any], nodes: list[Any], *weights: Any, opset: int = 17) -> Any:
    """Return a model of one graph."""
    made = helper.make_graph(nodes, "own", inputs, outputs, list(weights))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def written() -> None:
    """Write models node by node."""
    kind = TensorProto.FLOAT
    weights = numpy_helper.from_array(np.ones((4, 300), np.float32), "w")
    shapes = {"of any number of rows": ["N", 4], "of one row": [1, 4]}
    node = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    for name, shape in shapes.items():
        x, y = (
            helper.make_tensor_value_info(n, kind, [shape[0], size]) for n, size in (("x", 4), ("y", 300))
        )
        model = graph([x], [y], node, weights)
        wanted = np.concatenate([answers(model, row[None]) for row in ROWS])
        asked = [request(ROWS, wanted)]
        write(f"onnx {name}", lambda path, m=model: onnx.save(m, path), asked, "model.onnx", tolerance=1e-6)
    x, y = (helper.make_tensor_value_info(n, kind, ["N", size]) for n, size in (("x", 4), ("y", 300)))
    model = graph([x], [y], node, weights)

    whole = model.SerializeToString()

    def outside(path: Path) -> None:
        onnx.save(
            onnx.load_from_string(whole),
            path,
            save_as_external_data=True,
            location="weights.bin",
            size_threshold=0,
        )

    asked = [request(ROWS, answers(model))]
    write("onnx weights in another file", outside, asked, "model.onnx", tolerance=1e-6)

    def without(path: Path) -> None:
        outside(path)
        (path.parent / "weights.bin").unlink()

    write("onnx weights missing", without, asked, "model.onnx", "refused")
    exp = [helper.make_node("Exp", ["x"], ["y"])]
    x, y = (helper.make_tensor_value_info(n, kind, [3, 4]) for n in "xy")
    fixed = graph([x], [y], exp)
    write("onnx three rows", lambda path: onnx.save(fixed, path), asked, "model.onnx", "refused")
    x, y = (helper.make_tensor_value_info(n, kind, ["N"]) for n in "xy")
    number = graph([x], [y], exp)
    one = [request(ROWS[:, 0], np.exp(ROWS[:, 0]))]
    write("onnx one number", lambda path: onnx.save(number, path), one, "model.onnx", tolerance=1e-6)
    x, z, y = (helper.make_tensor_value_info(n, kind, ["N", 4]) for n in "xzy")
    added = graph([x, z], [y], [helper.make_node("Add", ["x", "z"], ["y"])])
    named = [request([{"x": row, "z": row} for row in ROWS], ROWS * 2)]
    write("onnx two inputs", lambda path: onnx.save(added, path), named, "model.onnx", tolerance=1e-6)
    x, y = (helper.make_tensor_value_info(n, TensorProto.STRING, ["N", 4]) for n in "xy")
    texts = graph([x], [y], [helper.make_node("Identity", ["x"], ["y"])])
    words = [["a", "b", "c", "d"], ["e", "", "ü", "h"]]
    write("onnx texts", lambda path: onnx.save(texts, path), [request(words, words)], "model.onnx")
    x, y = (helper.make_tensor_value_info(n, kind, ["N", 4]) for n in "xy")
    newer = graph([x], [y], exp, opset=99)
    write(
        "onnx of the future",
        lambda path: path.write_bytes(newer.SerializeToString()),
        asked,
        "model.onnx",
        "refused",
    )
    own = graph([x], [y], [helper.make_node("Own", ["x"], ["y"], domain="mine")])
    own.opset_import.append(helper.make_opsetid("mine", 1))
    write(
        "onnx own operator",
        lambda path: path.write_bytes(own.SerializeToString()),
        asked,
        "model.onnx",
        "refused",
    )
    write(
        "onnx cut off",
        lambda path: path.write_bytes(whole[:-900]),
        asked,
        "model.onnx",
        "refused",
    )


if __name__ == "__main__":
    of_sklearn()
    written()
