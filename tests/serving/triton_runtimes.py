"""Run the model of a Triton project in a runtime of its format, or create models to import.

Runs with the libraries of the project, in its directory: `triton_runtimes.py run FORMAT`, `… load onnx` or
`… make NAME`.
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

Answer = tuple[str, str, Any]  # the names of input and output, and the output


def treelite(forest: Any, rows: Any) -> Answer:
    """Run a tree model with the library that FIL uses."""
    answer = import_module("treelite").gtil.predict(forest, rows)
    return "input__0", "output__0", answer.reshape(len(rows), -1).astype(np.float32)


def run_json(model: Path, rows: Any) -> Answer:
    return treelite(import_module("treelite").frontend.load_xgboost_model(model / "xgboost.json"), rows)


def run_ubj(model: Path, rows: Any) -> Answer:
    return treelite(import_module("treelite").frontend.load_xgboost_model(model / "xgboost.ubj"), rows)


def run_txt(model: Path, rows: Any) -> Answer:
    return treelite(import_module("treelite").frontend.load_lightgbm_model(model / "model.txt"), rows)


def run_tl(model: Path, rows: Any) -> Answer:
    return treelite(import_module("treelite").Model.deserialize(model / "checkpoint.tl"), rows)


def run_onnx(model: Path, rows: Any) -> Answer:
    runtime = import_module("onnxruntime")
    session = runtime.InferenceSession(model / "model.onnx", providers=["CPUExecutionProvider"])
    [given], [output] = session.get_inputs(), session.get_outputs()
    return given.name, output.name, session.run([output.name], {given.name: rows})[0]


def run_saved_model(model: Path, rows: Any) -> Answer:
    tf = import_module("tensorflow")
    function = tf.saved_model.load(str(model / "model.savedmodel")).signatures["serving_default"]
    [given], [output] = function.structured_input_signature[1], function.structured_outputs
    return given, output, function(**{given: tf.constant(rows)})[output].numpy()


def run_pt(model: Path, rows: Any) -> Answer:
    torch = import_module("torch")
    with torch.inference_mode():
        return "INPUT__0", "OUTPUT__0", torch.jit.load(model / "model.pt")(torch.tensor(rows)).numpy()


def data() -> tuple[Any, Any]:
    """Return rows of four numbers, and the class of each row, one of three."""
    rows = np.random.default_rng(0).random((90, 4))
    return rows, (rows[:, 0] * 3).astype(int)


def make_json() -> None:
    xgboost, settings = import_module("xgboost"), {"objective": "multi:softprob", "num_class": 3}
    xgboost.train(settings, xgboost.DMatrix(*data()), 2).save_model("own.json")


def make_txt() -> None:
    lightgbm = import_module("lightgbm")
    settings = {"objective": "multiclass", "num_class": 3, "verbose": -1}
    lightgbm.train(settings, lightgbm.Dataset(*data()), 2).save_model("own.txt")


def make_tl() -> None:
    forest = import_module("sklearn.ensemble").RandomForestClassifier(3, random_state=0).fit(*data())
    import_module("treelite").sklearn.import_model(forest).serialize("own.tl")


def make_several_targets() -> None:
    xgboost, (rows, _) = import_module("xgboost"), data()
    xgboost.train({}, xgboost.DMatrix(rows, rows[:, :2]), 2).save_model("targets.json")


def make_onnx() -> None:
    """Two models that return their two inputs: for any number of rows, and for one row."""
    onnx, helper = import_module("onnx"), import_module("onnx.helper")
    shapes: dict[str, tuple[int, list[Any]]] = {
        "pixels": (onnx.TensorProto.FLOAT, [3, None]),
        "ids": (onnx.TensorProto.INT64, []),
    }
    for batch in ("any", 1):

        def described(prefix: str, batch: object = batch) -> list[Any]:
            return [
                helper.make_tensor_value_info(prefix + name, kind, [batch, *shape])
                for name, (kind, shape) in shapes.items()
            ]

        nodes = [helper.make_node("Identity", [name], [f"same_{name}"]) for name in shapes]
        graph = helper.make_graph(nodes, "graph", described(""), described("same_"))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, f"{batch}.onnx")


def make_external() -> None:
    """A model with weights in two other files, one of them in a folder."""
    onnx, helper, numpy_helper = (import_module(f"onnx{name}") for name in ("", ".helper", ".numpy_helper"))
    weights = [numpy_helper.from_array(np.ones((4, 4), np.float32), name) for name in ("first", "second")]
    for weight, location in zip(weights, ("own.data", "deep/er.data"), strict=True):
        onnx.external_data_helper.set_external_data(weight, location)
        Path(location).parent.mkdir(exist_ok=True)
        Path(location).write_bytes(weight.raw_data)
        weight.ClearField("raw_data")
    described = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 4]) for name in ("x", "y")]
    nodes = [helper.make_node("MatMul", ["x", "first"], ["h"])]
    nodes.append(helper.make_node("MatMul", ["h", "second"], ["y"]))
    graph = helper.make_graph(nodes, "graph", described[:1], described[1:], weights)
    imports = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    Path("own.onnx").write_bytes(model.SerializeToString())


def load_onnx() -> None:
    """Load the model in the repository."""
    [model] = Path("model_repository").glob("*/1/model.onnx")
    import_module("onnxruntime").InferenceSession(model, providers=["CPUExecutionProvider"])


def make_pt() -> None:
    torch = import_module("torch")

    class Two(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, pixels, ids):  # type: ignore[no-untyped-def]
            return pixels.mean([2, 3]), ids + 1

    examples = (torch.zeros(2, 3, 4, 4), torch.zeros(2, 2, dtype=torch.int64))
    torch.jit.trace(Two(), examples).save("own.pt")
    torch.save(Two().state_dict(), "weights.pt")


RUN: dict[str, Callable[[Path, Any], Answer]] = {
    "json": run_json,
    "ubj": run_ubj,
    "txt": run_txt,
    "tl": run_tl,
    "onnx": run_onnx,
    "SavedModel": run_saved_model,
    "pt": run_pt,
}
MAKE: dict[str, Callable[[], None]] = {
    "json": make_json,
    "txt": make_txt,
    "tl": make_tl,
    "several targets": make_several_targets,
    "onnx": make_onnx,
    "external": make_external,
    "pt": make_pt,
}


def main(what: str, name: str) -> None:
    """Run a command. Print the output of the model for the example rows."""
    if what == "load":
        load_onnx()
        return
    if what == "make":
        MAKE[name]()
        return
    examples = json.loads(Path("sample_model/examples.json").read_text())
    rows = np.array(examples["rows"], np.float32)
    [model] = Path("model_repository").glob("*/1")
    given, output, answer = RUN[name](model, rows)
    kind = {"float32": "TYPE_FP32", "float64": "TYPE_FP64"}[answer.dtype.name]
    described = [[given, "TYPE_FP32", rows.shape[1]], [output, kind, answer.shape[1]]]
    print(json.dumps({"predictions": answer[:, 0].tolist(), "tensors": described}))


if __name__ == "__main__":
    main(*sys.argv[1:])
