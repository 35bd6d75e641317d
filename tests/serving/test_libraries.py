"""Handlers of libraries answer what the library itself predicts, and refuse at the start what they cannot."""

import pytest

from tests.conftest import REPOSITORY, Render
from tests.serving.test_contract import run_among_libraries

CATEGORY_MODEL = REPOSITORY / "tests" / "data" / "inspected" / "lightgbm.txt"
# The sources below start with this: `served` returns the predictions of a project's handler for a model.
START = """
import os, pickle, sys
sys.path.insert(0, "serving")
from pathlib import Path
import numpy as np
import model_handler
from runtime.codec import RequestError

rows = np.random.default_rng(0).random((500, 4))
texts = np.where(rows[:, 0] > 0.5, "b", np.where(rows[:, 1] > 0.5, "a", "c"))

def loaded(path):
    handler = model_handler.ModelHandler()
    handler.load(Path(path))
    return handler

def served(path, rows):
    handler = loaded(path)
    return handler.postprocess(handler.predict(handler.preprocess(rows)))

def refusal(path, kind=ValueError):
    try:
        loaded(path)
    except kind as error:
        return str(error)
    raise AssertionError(f"{path} was loaded")

def failure(path, rows, kind=ValueError):
    try:
        served(path, rows)
    except kind as error:
        return str(error)
    raise AssertionError(f"{rows} were predicted")

some = [[0.1, 0.2, 0.3, 0.4], [0.9, None, 0.1, 0.0], [0.3, 0.9, 0.5, 0.5]]
array = np.array([[np.nan if value is None else value for value in row] for row in some])
"""
ANSWERS = """
import orjson
from runtime import inference
sys.argv = [""]

def answers(document, content_type="application/json"):
    model_handler.ModelHandler.MODEL_FILE = "own" + ENDING
    os.environ["MODEL_DIR"] = "own_model"
    server = inference.Inference()
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    status, answer, *_ = server.answer(body, content_type, None, None)
    found = orjson.loads(answer)
    return found["predictions"] if status == 200 else f"{status} {found['message']}"

"""
LIGHTGBM_TEXT = """
import re
import lightgbm
quiet = {"verbose": -1, "num_threads": 1, "num_leaves": 7}
for objective, target in (
    ({"objective": "regression"}, rows[:, 0]),
    ({"objective": "binary"}, rows[:, 0] > 0.5),
    ({"objective": "multiclass", "num_class": 3}, (rows[:, 1] * 3).astype(int)),
):
    booster = lightgbm.train({**quiet, **objective}, lightgbm.Dataset(rows, target), 5)
    booster.save_model("own.txt")
    assert served("own.txt", some) == booster.predict(array).tolist(), objective
    assert loaded("own.txt").row_shape == (4,)
ENDING = ".txt"
Path("own_model").mkdir()
Path("own_model/own.txt").write_text(open(CATEGORY_MODEL).read())  # made from a DataFrame
booster = lightgbm.Booster(model_file="own_model/own.txt")
assert booster.feature_name() == ["city", "age", "income"]
assert booster.pandas_categorical == [["Bonn", "Oslo", "Rome"]]
records = [{"city": city, "age": 30, "income": 0.5} for city in ("Bonn", "Oslo", "Rome", None, "Paris")]
expected = booster.predict(np.array([[code, 30, 0.5] for code in (0, 1, 2, np.nan, np.nan)])).tolist()
assert len(set(expected)) > 1 and answers({"instances": records}) == expected
assert answers([list(row.values()) for row in records]) == expected
csv = "income,city,age\\n" + "".join(f"0.5,{row['city'] or ''},30\\n" for row in records)
assert answers(csv.encode(), "text/csv") == expected
assert answers([{**records[0], "city": 1}]).startswith("400 Row 1, column 'city' is 1, not text.")
text = Path("own_model/own.txt").read_text()
infos = re.search("^feature_infos=(.*)", text, re.MULTILINE)[1]
flag = " ".join([*infos.split()[:2], "[0:1]"])  # a column of 0 and 1, which could have been a category
Path("own.txt").write_text(text.replace(infos, flag))
assert "own.txt was trained with category columns of a DataFrame. The file does not" in refusal("own.txt")
Path("own_model/own.txt").write_text(text.replace(infos, flag))
for stated in (("city",), ("age",), ("no",)):
    model_handler.ModelHandler.CATEGORY_COLUMNS = stated
    if stated == ("city",):
        assert answers({"instances": records}) == expected
    else:
        assert "Set CATEGORY_COLUMNS in serving/model_handler.py" in refusal("own.txt"), stated
model_handler.ModelHandler.CATEGORY_COLUMNS = ()
ordered = text.replace(infos, " ".join(["[0:2]", *infos.split()[1:]]))  # LightGBM takes ordered categories
ordered = re.sub(r"\[categorical_feature: .*\]", "[categorical_feature: ]", ordered)  # for numbers
Path("own_model/own.txt").write_text(ordered)
assert answers({"instances": records}) == expected
booster = lightgbm.train({**quiet, "objective": "regression"}, lightgbm.Dataset(rows, rows[:, 0]), 5)
booster.save_model("own.txt")
text = Path("own.txt").read_text()
Path("own.txt").write_text(text.replace("pandas_categorical:null", 'pandas_categorical:[["x", "y"]]'))
assert "own.txt was trained with category columns of a DataFrame. The file does not" in refusal("own.txt")
assert len(refusal("own.txt")) < 300  # the server's limit
Path("own.txt").write_text(text[: len(text) // 2])
cut = "own.txt is cut off, or no text file of LightGBM: it has no line 'end of trees'. "
assert refusal("own.txt") == cut + "Copy the file again, or save it with save_model."
assert not model_handler.ModelHandler.LOAD_AFTER_FORK  # with one thread, workers share the model
os.environ["OMP_NUM_THREADS"] = "2"
del sys.modules["model_handler"]
import model_handler
assert model_handler.ModelHandler.LOAD_AFTER_FORK
print("all tried")
"""
LIGHTGBM_PICKLE = """
import joblib, lightgbm
from sklearn.pipeline import make_pipeline
options = {"n_estimators": 5, "verbose": -1, "n_jobs": 1}
classifier = lightgbm.LGBMClassifier(**options).fit(rows, texts)
regressor = lightgbm.LGBMRegressor(**options).fit(rows, rows[:, 0])
for model in (classifier, regressor, regressor.booster_):
    for dump in (lambda: pickle.dump(model, open("own.pkl", "wb")), lambda: joblib.dump(model, "own.pkl")):
        dump()
        assert served("own.pkl", some) == model.predict(array).tolist(), model
assert set(served("own.pkl", some)) != set("abc")
joblib.dump(make_pipeline(regressor), "own.pkl")
assert "has a Pipeline, which is no model of LightGBM itself. Use framework=sklearn" in refusal("own.pkl")
print("all tried")
"""
ONNX = """
import onnxruntime
sys.path.insert(0, "sample_model")
from onnx_file import field, tensor
FLOAT, INT64, TEXT, DOUBLE = 1, 7, 8, 11

def value(name, kind, *shape):
    sizes = b"".join(field(1, field(2, size) if isinstance(size, str) else field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, sizes)))

def node(kind, inputs, outputs, extra=b""):
    names = [field(1, name) for name in inputs] + [field(2, name) for name in outputs]
    return field(1, b"".join(names) + field(4, kind) + extra)

def write(graph, inputs, outputs, opset=17, ir=8, imports=b""):
    graph += b"".join(field(11, each) for each in inputs) + b"".join(field(12, each) for each in outputs)
    versions = field(8, field(2, opset)) + imports
    Path("own.onnx").write_bytes(field(1, ir) + field(7, field(2, "own") + graph) + versions)

def own(kind=np.float32, rows=array):
    session = onnxruntime.InferenceSession("own.onnx")
    return session.run(None, {session.get_inputs()[0].name: rows.astype(kind)})

x, y = value("x", FLOAT, "N", 4), value("y", FLOAT, "N", 4)
exp = node("Exp", ["x"], ["y"])
write(exp, [x], [y])
whole = [[1, 2, 3, 4], [5, 6, 7, 8]]
assert served("own.onnx", some)[0] == own()[0][0].tolist()
assert np.isnan(served("own.onnx", some)[1][1])
assert served("own.onnx", whole) == own(rows=np.array(whole))[0].tolist()

write(exp + node("ReduceSum", ["x"], ["sum"]), [x], [y, value("sum", FLOAT, 1, 1)])
assert "output sum has shape (1, 1) for 2 rows; remove it" in failure("own.onnx", whole)
write(exp + node("Neg", ["x"], ["z"]), [x], [y, value("z", FLOAT, "N", 4)])
first, second = own(rows=np.array(whole))
assert served("own.onnx", whole) == [
    {"y": a, "z": b} for a, b in zip(first.tolist(), second.tolist(), strict=True)
]

write(node("Neg", ["x"], ["y"]), [value("x", INT64, "N", 4)], [value("y", INT64, "N", 4)])
assert served("own.onnx", whole) == own(np.int64, np.array(whole))[0].tolist()
for wrong in (0.5, 1e30, None):
    assert failure("own.onnx", [[wrong, 2, 3, 4]], RequestError), wrong
write(exp, [value("x", DOUBLE, "N", 4)], [value("y", DOUBLE, "N", 4)])
assert served("own.onnx", whole) == own(np.float64, np.array(whole))[0].tolist()
write(exp, [x], [y])
assert "float32" in failure("own.onnx", [[1e300, 2, 3, 4]], RequestError)
write(exp, [value("x", FLOAT, "N", "length")], [y])
assert loaded("own.onnx").row_shape == (None,)

write(exp, [value("x", FLOAT, 1, 4)], [value("y", FLOAT, 1, 4)])
assert served("own.onnx", whole) == [own(rows=np.array([row]))[0][0].tolist() for row in whole]
write(exp, [value("x", FLOAT, 3, 4)], [value("y", FLOAT, 3, 4)])
assert "takes exactly 3 rows; export it with a dynamic first dimension" in refusal("own.onnx")
write(node("Add", ["x", "z"], ["y"]), [x, value("z", FLOAT, 1, 4)], [y])
assert "the inputs have different first dimensions; adapt load" in refusal("own.onnx")
write(node("Identity", ["x"], ["y"]), [value("x", TEXT, "N", 2)], [value("y", TEXT, "N", 2)])
assert served("own.onnx", [["a", "b"]]) == [["a", "b"]]
write(node("Identity", ["x"], ["y"]), [value("x", FLOAT, "N")], [value("y", FLOAT, "N")])
assert served("own.onnx", [1, 2.5]) == [1.0, 2.5]
write(node("Not", ["x"], ["y"]), [value("x", 9, "N", 4)], [value("y", 9, "N", 4)])
assert "input x is a tensor(bool) of shape ['N', 4], not rows of numbers or text" in refusal("own.onnx")

# Labels and a map of probabilities, as skl2onnx and onnxmltools write a classifier.
ml = field(8, field(1, "ai.onnx.ml") + field(2, 3))
labels = field(5, field(1, "classlabels_strings") + field(9, "no") + field(9, "yes") + field(20, 8))
zipmap = node("ZipMap", ["x"], ["z"], labels + field(7, "ai.onnx.ml"))
of_class = field(1, TEXT) + field(2, field(1, field(1, FLOAT)))
pairs = field(1, "z") + field(2, field(4, field(1, field(5, of_class))))
for rows_at_once in ("N", 1):
    write(zipmap, [value("x", FLOAT, rows_at_once, 2)], [pairs], imports=ml)
    assert served("own.onnx", [[0.25, 0.75], [1, 0]]) == [{"no": 0.25, "yes": 0.75}, {"no": 1, "yes": 0}]

outside = b"".join(field(13, field(1, key) + field(2, text)) for key, text in (("location", "own.data"),))
weights = field(5, field(1, 4) + field(2, FLOAT) + field(8, "w") + outside + field(14, 1))
write(weights + node("Mul", ["x", "w"], ["y"]), [x], [y])
assert "own.onnx: its weights are in 'own.data', which is not in" in refusal("own.onnx")
Path("own.data").write_bytes(b"short")
assert "'own.data', which is cut off: 5 bytes of 16" in refusal("own.onnx")
Path("own.data").write_bytes(np.array([1, 2, 3, 4], "<f4").tobytes())
assert served("own.onnx", whole) == [[1, 4, 9, 16], [5, 12, 21, 32]]

write(exp, [x], [y], opset=99)
refused = refusal("own.onnx")
assert "it has opset 99, ONNX Runtime 1.32.0 reads up to 28. Use a newer ONNX Runtime (fr" in refused
write(exp, [x], [y], ir=99)
assert "it has IR version 99, ONNX Runtime 1.32.0 reads up to 14." in refusal("own.onnx")
write(exp, [x], [y], opset=28, ir=14)
assert served("own.onnx", whole) == own(rows=np.array(whole))[0].tolist()
Path("own.onnx").write_bytes(b"no protobuf")
assert "own.onnx: it is not an ONNX file, or it is damaged" in refusal("own.onnx")
assert not model_handler.ModelHandler.LOAD_AFTER_FORK
print("all tried")
"""
CATBOOST = """
import catboost
options = {"iterations": 5, "depth": 3, "verbose": 0, "thread_count": 1, "allow_writing_files": False}
for model, target in (
    (catboost.CatBoostRegressor(**options), rows[:, 0]),
    (catboost.CatBoostRegressor(**options, loss_function="Poisson"), rows[:, 0]),
    (catboost.CatBoostRegressor(**options, loss_function="MultiRMSE"), rows[:, :2]),
    (catboost.CatBoostClassifier(**options), texts == "a"),
    (catboost.CatBoostClassifier(**options), (rows[:, 0] * 3).astype(int)),
    (catboost.CatBoostClassifier(**options), texts),
):
    model.fit(rows, target).save_model("own.cbm")
    wanted = model.predict(array)
    wanted = wanted[:, 0] if wanted.shape[1:] == (1,) else wanted  # of several classes
    assert served("own.cbm", some) == wanted.tolist(), model
assert loaded("own.cbm").row_shape == (4,) and served("own.cbm", some) != served("own.cbm", some[::-1])
ENDING = ".cbm"
Path("own_model").mkdir()
import pandas as pd
random = np.random.default_rng(0)
size = len(rows)
frame = pd.DataFrame({"age": rows[:, 0], "city": random.choice(["Bonn", "Graz, old", "Lund"], size)})
frame["code"], frame["income"] = random.choice([1, 2, 5], size), rows[:, 1]
target = rows[:, 0] + 3 * (frame["city"] == "Bonn") - 2 * (frame["code"] == 5)
frame["note"] = random.choice(["late again", "paid in time"], size)
head = frame[:5]
records = [dict(zip(frame.columns, row)) for row in head.values.tolist()]
labels = np.where(target > 1, "yes", "no")
kinds = {"cat_features": ["city", "code"], "text_features": ["note"]}
model = catboost.CatBoostClassifier(**options).fit(frame, labels, **kinds)
model.save_model("own_model/own.cbm")
expected = model.predict(head).tolist()
assert answers({"instances": records}) == answers(head.values.tolist()) == expected
assert set(model.predict(frame)) == {"yes", "no"}
assert answers(head[[*frame.columns[::-1]]].to_csv(index=False).encode(), "text/csv") == expected
model = catboost.CatBoostRegressor(**options)
model.fit(frame[["age", "city", "code"]], target, cat_features=["city", "code"])
model.save_model("own_model/own.cbm")
odd = pd.DataFrame({"age": [None, 0.5], "city": ["Oslo", "007"], "code": [7, 2]}).astype({"age": float})
expected = model.predict(odd).tolist()
assert answers([[None, "Oslo", 7], [0.5, "007", 2.0]]) == expected
assert answers(b",Oslo,7\\n0.5,007,2\\n", "text/csv") == expected
for code, problem in ((2.5, "is 2.5, not text or a whole"), (None, "may not be missing"), (True, "is true")):
    found = answers([[0.5, "Oslo", code]])
    assert found.startswith("400 Row 1, column 'code' ") and problem in found, found
Path("own.cbm").write_bytes(Path("own.cbm").read_bytes()[:1000])
refusal("own.cbm", catboost.CatBoostError)
assert not {"matplotlib", "plotly", "graphviz"} & set(sys.modules)
print("all tried")
"""
CASES = {  # framework, format, server with which test_contract.py makes the environment
    "LightGBM text": ("lightgbm", "txt", "http-flask", LIGHTGBM_TEXT),
    "LightGBM pickle": ("lightgbm", "pkl", "http-fastapi", LIGHTGBM_PICKLE),
    "CatBoost": ("catboost", "cbm", "http-fastapi", CATBOOST),
    "ONNX": ("onnxruntime", "onnx", "http-flask", ONNX),
}
# One category of the rows is unknown to the model, and that is all there is to log.
LOGGED = {"LightGBM text": "WARNING:serving:values that are unknown to the model, by column: city (1)\n"}


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.xdist_group(CASES[c][2])) for c in CASES])
def test_predictions_are_the_library_s_own(render: Render, case: str) -> None:
    framework, model_format, server, source = CASES[case]
    project = render(deployment_config=server, framework=framework, model_format=model_format)
    known = f"CATEGORY_MODEL = {str(CATEGORY_MODEL)!r}\n"
    done = run_among_libraries(project, framework, server, START + ANSWERS + known + source)
    assert done.stdout.splitlines()[-1:] == ["all tried"], done.stdout + done.stderr
    assert done.stderr == LOGGED.get(case, "")
