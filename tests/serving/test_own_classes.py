"""Models that hold classes and functions of their training script."""

import json

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries

CLASSES = (
    "class Clip:\n    def predict(self, rows):\n        return rows\n\ndef log1(rows):\n    return rows\n"
)
# Each model is saved by a script whose classes are in __main__, and loaded by another process.
RUN = r"""
import json, pickle, subprocess, sys
from pathlib import Path
classes = Path("classes.txt").read_text()
save = {"joblib": "import joblib; joblib.dump(MODEL, 'NAME')",
        "zlib": "import joblib; joblib.dump(MODEL, 'NAME', compress=3)"}
for protocol in (2, 5):
    save[f"pickle{protocol}"] = f"import pickle; pickle.dump(MODEL, open('NAME', 'wb'), {protocol})"
load = "import sys; sys.path[:0] = ['serving']; from pathlib import Path; import model_handler as m;"
load += "print(type(m.load_of_this_version(Path(sys.argv[1]))).__name__)"
answers = {}
for kind, text in save.items():
    for model in ("Clip()", "log1"):
        name = f"{kind}-{model.strip('()')}.pkl"
        source = classes + text.replace("MODEL", model).replace("NAME", name)
        subprocess.run([sys.executable, "-c", source], check=True)
        done = subprocess.run([sys.executable, "-c", load, name], capture_output=True, text=True)
        answers[name] = done.stdout.strip() or done.stderr.strip().splitlines()[-1]
print(json.dumps(answers))
"""


def test_a_pickle_finds_the_classes_of_the_project_and_names_a_missing_one(render: Render) -> None:
    project = render(deployment_config="http-flask", framework="sklearn", include_sample_model=False)
    (project / "classes.txt").write_text(CLASSES)
    missing = run_among_libraries(project, "sklearn", "http-flask", RUN)
    assert missing.returncode == 0, missing.stderr
    for name, answer in json.loads(missing.stdout).items():
        wanted = name.removesuffix(".pkl").partition("-")[2]
        assert f"{name} needs your {wanted}" in answer and "Define it in serving/custom.py" in answer, answer
    (project / "serving" / "custom.py").write_text(CLASSES)
    found = run_among_libraries(project, "sklearn", "http-flask", RUN)
    assert found.returncode == 0, found.stderr
    for name, answer in json.loads(found.stdout).items():
        assert answer == ("Clip" if "Clip" in name else "function"), (name, answer)
