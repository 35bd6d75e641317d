"""Other servers that `make bench PART=pipelines` compares with, each in an environment of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.client import Load
from tests.bench.servers import HERE, WORK

RECORDS, SPLIT, CSV = "JSON records", "JSON columns and data", "CSV"
SHARED = ("scikit-learn", "numpy", "scipy", "pandas", "joblib")  # the same versions everywhere
Wrap = Callable[[Any], Any]


@dataclass(frozen=True)
class Form:
    """How a server takes rows: the path, and what is around the rows in JSON."""

    path: str = "/invocations"
    wrap: Wrap = lambda found: found


INSTANCES, AS_IS = Form(wrap=lambda rows: {"instances": rows}), Form()
OURS = {RECORDS: INSTANCES, SPLIT: AS_IS, CSV: AS_IS}


@dataclass(frozen=True)
class Peer:
    """A server: how it starts, whether it is healthy, and the forms of rows that it takes as it is installed.

    `command` has the places {python}, {bin}, {port} and {saved}, the folder with the model that was saved for
    it.
    """

    name: str
    title: str
    command: str
    ports: tuple[int, ...]
    pin: str = ""  # without one, it runs in the environment of a project
    health: str = "/ping"
    forms: dict[str, Form] = field(default_factory=lambda: OURS)


PEERS = (
    Peer(
        *("plain", "plain Flask + pandas"),
        "{python} -m gunicorn --workers 2 --bind 127.0.0.1:{port} --no-control-socket table_flask:app",
        (8200,),
    ),
    Peer("http-flask", "this template, Flask", "{python} serving/serve serve", (8201,)),
    Peer("http-fastapi", "this template, FastAPI", "{python} serving/serve serve", (8202,)),
    Peer(
        *("mlflow", "MLflow"),
        "{bin}/mlflow models serve -m {saved} -p {port} -w 2 --env-manager local",
        (8203,),
        pin="mlflow==3.17.2",
        forms={
            RECORDS: Form(wrap=lambda rows: {"dataframe_records": rows}),
            SPLIT: Form(wrap=lambda split: {"dataframe_split": split}),
            CSV: AS_IS,
        },
    ),
    Peer(
        *("bentoml", "BentoML"),
        "{bin}/bentoml serve table_bento:Tables --host 127.0.0.1 --port {port} --working-dir {peers}",
        (8204,),
        pin="bentoml==1.4.40",
        health="/readyz",
        forms={RECORDS: Form("/records", INSTANCES.wrap), SPLIT: Form("/split")},
    ),
    Peer(
        *("litserve", "LitServe"),
        "{python} {peers}/table_litserve.py {port}",
        (8205,),
        pin="litserve==0.2.19",
        health="/health",
        forms={RECORDS: INSTANCES, SPLIT: AS_IS},
    ),
    Peer(
        *("asgi", "bare ASGI, compiled"),
        "{python} -m uvicorn table_asgi:app --port {port} --log-level warning --no-access-log",
        (8206, 8207),
    ),
)


def load(peer: Peer, form: str, name: str, header: list[str], rows: list[list[Any]]) -> Load:
    """Return a request of a form as a server takes it."""
    taken = peer.forms[form]
    if form == CSV:
        text = "\n".join(",".join(map(str, row)) for row in [header, *rows])
        return Load(name, text.encode(), "text/csv", taken.path)
    found: Any = {"columns": header, "data": rows}
    if form == RECORDS:
        found = [dict(zip(header, row, strict=True)) for row in rows]
    return Load(name, json.dumps(taken.wrap(found)).encode(), "application/json", taken.path)


def environment(pins: tuple[str, ...], requirements: Path, shared: tuple[str, ...] = SHARED) -> Path:
    """Return the Python of an environment with pinned packages, made once and kept.

    The `shared` packages have the versions of a project's requirements.txt. Raise RuntimeError if a package
    cannot be installed.
    """
    folder = WORK / f"peer-{pins[0].partition('==')[0]}"
    of_project = [line.removesuffix(" \\") for line in requirements.read_text().splitlines()]
    listed = [*pins, *(line for line in of_project if line.partition("==")[0] in shared)]
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    if not installed.exists() or installed.read_text().split() != listed:
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        command = [str(uv), "pip", "install", "--quiet", "--python", str(python), *listed]
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode:
            raise RuntimeError(f"{pins[0]} cannot be installed: {answer.stderr.strip()}")
        installed.write_text("\n".join(listed))
    return python


def variables(peer: Peer, model: Path, project: Path) -> dict[str, str]:
    """Return the environment variables of a server. Numeric libraries have one thread in every server."""
    return {
        "MODEL": str(model),
        "MODEL_DIR": str(model.parent),
        "SERVING": str(project / "serving"),
        "SERVING_WORKERS": "2",
        "SAGEMAKER_BIND_TO_PORT": str(peer.ports[0]),
        "PYTHONPATH": "" if peer.name.startswith("http-") else str(HERE / "peers"),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "BENTOML_DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
