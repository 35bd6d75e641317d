"""XGBoost models take the categories of their training, by the names in their file or as codes."""

import pytest

from tests.conftest import REPOSITORY, Render
from tests.serving.test_contract import run_among_libraries
from tests.serving.test_libraries import ANSWERS, START

CATEGORIES = REPOSITORY / "tests" / "data" / "categories"
XGBOOST_CATEGORIES = """
Path("own_model").mkdir()
ENDING = ".json"
folder = Path(CATEGORIES)
Path("own_model/own.json").write_bytes((folder / "xgboost-3.2.0.json").read_bytes())
known = json.loads((folder / "xgboost-3.2.0-expected.json").read_text())
records, expected = known["rows"], known["predictions"]
assert answers({"instances": records}) == answers([list(row.values()) for row in records]) == expected
lines = (f'{r["code"] or ""},"{r["city"] or ""}",{r["age"]}\\n' for r in records)
csv = "code,city,age\\n" + "".join(lines)
assert answers(csv.encode(), "text/csv") == expected
for wrong, message in (({"city": "Paris"}, "'Paris', not one of the 3 known"), ({"city": 0}, "0, not text"),
                    ({"code": 0}, "0, not one of the 3 known"), ({"code": "7"}, "'7', not a number")):
    found = answers([{**records[2], **wrong}])
    assert found.startswith("400 Row 1, column") and message in found, found
import xgboost
options, types = {"tree_method": "hist", "nthread": 1}, ["c", "q", "q", "q"]
codes = np.c_[np.arange(len(rows)) % 3, rows[:, 1:]]
data = xgboost.DMatrix(codes, codes[:, 0] == 1, feature_types=types, enable_categorical=True)
booster = xgboost.train(options, data, 3)
booster.save_model("own_model/own.json")  # codes without names
expected = booster.inplace_predict(codes[:4], validate_features=False).tolist()
assert answers(codes[:4].tolist()) == expected and len(set(expected)) > 1
for code in (1.5, -1):
    assert "not the code of a category" in answers([[code, 1, 1, 1]])
print("all tried")
"""


@pytest.mark.xdist_group("http-fastapi")
def test_xgboost_takes_the_categories_that_its_file_has(render: Render) -> None:
    project = render(deployment_config="http-fastapi", framework="xgboost", framework_version="3.2.0")
    known = f"import json\nCATEGORIES = {str(CATEGORIES)!r}\n"
    source = START + ANSWERS + known + XGBOOST_CATEGORIES
    done = run_among_libraries(project, "xgboost-3.2.0", "http-fastapi", source)
    assert done.stdout.splitlines()[-1:] == ["all tried"], done.stdout + done.stderr
    assert "send their codes in training" in done.stderr
