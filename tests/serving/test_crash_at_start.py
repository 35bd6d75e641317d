"""A native crash while the model loads ends the server with an explanation, and the trial, too."""

import os
import pickle
from typing import Any

from tests.conftest import Render
from tests.servers import free_port
from tests.serving.test_contract import run_among_libraries

RUN = """
import os, subprocess, sys
environ = {**os.environ, "MODEL_DIR": "model", "SAGEMAKER_BIND_TO_PORT": "PORT"}
done = subprocess.run([sys.executable, "serving/serve"], env=environ, capture_output=True, text=True)
print(done.returncode, done.stderr)
sys.path.insert(0, "do")
from pathlib import Path
from lifecycle.predictive import trial
try:
    trial.load(Path(sys.executable), Path("model").resolve(), "model.pkl")
except Exception as failure:
    print(failure)
"""


class Crash:
    """An object whose pickle ends the process that loads it, as a native library does."""

    def __reduce__(self) -> Any:
        return os.abort, ()


def test_a_crash_at_start_is_explained(render: Render) -> None:
    project = render(deployment_config="http-flask", framework="sklearn", include_sample_model=False)
    (project / "model" / "model.pkl").write_bytes(pickle.dumps(Crash()))
    done = run_among_libraries(project, "sklearn", "http-flask", RUN.replace("PORT", str(free_port())))
    assert done.returncode == 0, done.stderr
    assert "serve: the model server ended with code -6" in done.stdout
    assert (
        "serve: the process that loaded model.pkl died (signal 6, SIGABRT): its file states no" in done.stdout
    )
    assert "failed (model-crashed): cannot load the model" in done.stdout
