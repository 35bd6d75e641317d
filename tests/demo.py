"""`make demo`: the default project from the questions to predictions, without a container engine."""

import csv
import gzip
import json
import shlex
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent
PROJECT = TEMPLATE / ".demo" / "abalone-age"
PORT = 8080
START_SECONDS = 600
SHOWN = 8  # predictions
SEXES = ("M", "F", "I")
NEXT_STEPS = """\
Next steps:
  Create your own project:
    pip install copier copier-template-extensions huggingface_hub
    copier copy --trust "$PWD" ../my-model
  Serve this one again:  cd {project} && do/run --local
  Read the tutorial:     docs/tutorials/first-prediction.md"""
Predict = Callable[[list[list[float]]], list[float]]


def main() -> int:
    """Render, train, serve, call; return 0 when predictions were shown."""
    if not (PROJECT / "model").is_dir():
        say('copier copy --trust --defaults "$PWD" .demo/abalone-age')
        options = ["copy", "--defaults", "--trust", "--quiet", "--vcs-ref", "HEAD", "."]
        subprocess.run([sys.executable, "-m", "copier", *options, str(PROJECT)], cwd=TEMPLATE, check=True)
    say("do/run --local")
    server = subprocess.Popen([sys.executable, "do/run", "--local", "--port", str(PORT)], cwd=PROJECT)
    try:
        if not wait_until_ready(server):
            print("The server did not start. The cause is in the lines above.", file=sys.stderr)
            return 1
        say("curl http://127.0.0.1:8080/invocations --json '{\"instances\": [[0, 0.455, 0.365, ...], ...]}'")
        print(report(PROJECT / "sample_model" / "abalone.csv.gz", predictions))
        shown = PROJECT.relative_to(TEMPLATE) if PROJECT.is_relative_to(TEMPLATE) else PROJECT
        print(NEXT_STEPS.format(project=shlex.quote(str(shown))))
        return 0
    finally:
        server.terminate()
        server.wait()


def report(data: Path, predict: Predict) -> str:
    """Return labeled predictions for abalones that the model was not trained on, and their typical error."""
    trained, unseen = abalones(data)
    rings = [row[-1] for row in unseen]
    predicted = predict([row[:-1] for row in unseen])
    error = statistics.mean(abs(p - true) for p, true in zip(predicted, rings, strict=True))
    median = statistics.median(row[-1] for row in trained)
    guess = statistics.mean(abs(median - true) for true in rings)
    lines = [f"{p:11.1f}  {true:10.0f}" for p, true in zip(predicted[:SHOWN], rings, strict=False)]
    return "\n".join(
        [
            "",
            "Rings of abalones that the model was not trained on (about one ring per year):",
            "",
            f"{'predicted':>11}  {'measured':>10}",
            *lines,
            "",
            f"Typical error (mean absolute error of {len(rings)} abalones): {error:.2f} rings.",
            f"For comparison, predicting the median for each of them: {guess:.2f} rings.",
            "",
        ]
    )


def abalones(data: Path) -> tuple[list[list[float]], list[list[float]]]:
    """Return the rows that the sample model is trained with, and those that it does not see; rings last."""
    with gzip.open(data, "rt", newline="") as file:
        _header, *lines = csv.reader(file)
    rows = [[float(SEXES.index(sex)), *map(float, numbers)] for sex, *numbers in lines]
    return [row for number, row in enumerate(rows) if number % 5], rows[::5]


def predictions(rows: list[list[float]]) -> list[float]:
    """Return the predictions of the running server."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/invocations",
        json.dumps({"instances": rows}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return [float(value) for value in json.load(answer)["predictions"]]


def wait_until_ready(server: "subprocess.Popen[bytes]") -> bool:
    """Return whether /ping answered 200 before the server ended or the time was over."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ping", timeout=2):
                return True
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    return False


def say(text: str) -> None:
    """Show the command that a user would type."""
    print(f"\n$ {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
