"""The command line of each verb: its options, what it does, and what it prints.

Results go to stdout (as text, or one JSON document with --json), progress and errors to stderr.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from lifecycle import requests, runtime
from lifecycle.project import DEFECT, DONE, INTERRUPTED, PRECONDITION, PROJECT, Config, Failure, load_config

Result = dict[str, Any]


def main(verb: str) -> int:
    """Run one verb with the arguments of the command line and return its exit code."""
    parser, action = VERBS[verb]
    arguments = parser().parse_args()
    as_json = getattr(arguments, "json", False)
    findings: list[dict[str, str]] = []
    result: Result = {}
    text = ""
    try:
        result = action(load_config(), arguments)
        code, text = result.pop("exit_code", DONE), result.pop("text", "")
    except Failure as failure:
        print(failure, file=sys.stderr)
        code, findings = failure.code, [failure.finding]
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    if as_json:
        document = {"format_version": 1, "verb": verb, "ok": code == DONE, "result": result}
        print(json.dumps({**document, "findings": findings, "next": [f["next"] for f in findings]}, indent=2))
    elif text:
        print(text)
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the options of do/build."""
    parser = argparse.ArgumentParser("do/build", description="Build the container image, ready to push.")
    _add_engine(parser)
    parser.add_argument("--no-cache", action="store_true", help="build every step anew")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def build(settings: Config, arguments: argparse.Namespace) -> Result:
    """Train the sample model if it is wanted and missing, then build the image."""
    runtime.train_if_missing()
    engine = runtime.find_engine(arguments.engine or settings.engine)
    if runtime.find_model() is None:
        print(
            "model/ is empty: the image will have no model and needs SageMaker to bring one", file=sys.stderr
        )
    command = runtime.build_command(engine, settings, arguments.no_cache)
    print(f"building {settings.image} for {settings.platform} with {engine}", file=sys.stderr, flush=True)
    if subprocess.run(command, cwd=PROJECT, stdout=sys.stderr, env=runtime.build_environment()).returncode:
        remedy = "read the engine's last lines above; `do/build --no-cache` rules out a stale step"
        raise Failure(DEFECT, "build-failed", "the image was not built", " ".join(command), remedy)
    return {"image": settings.image, "platform": settings.platform, "text": settings.image}


def run_parser() -> argparse.ArgumentParser:
    """Return the options of do/run."""
    parser = argparse.ArgumentParser(
        "do/run", description="Start the server as SageMaker does. Ctrl-C ends it."
    )
    _add_engine(parser)
    parser.add_argument("--local", action="store_true", help="without a container, in .venv-model")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (8080)")
    parser.add_argument("--model-dir", help="directory of another model, instead of model/")
    parser.add_argument("--read-only", action="store_true", help="with a read-only root file system")
    return parser


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Replace this process by the server, or by the container engine that runs it."""
    model_dir = runtime.directory(arguments.model_dir)
    if arguments.local:
        if not arguments.model_dir:
            runtime.train_if_missing()
        python = runtime.model_python()
        print(f"serving on http://127.0.0.1:{arguments.port} (Ctrl-C ends it)", file=sys.stderr, flush=True)
        runtime.serve_locally(python, arguments.port, model_dir or PROJECT / "model")
    engine = runtime.find_engine(arguments.engine or settings.engine)
    runtime.require_image(engine, settings.image)
    command = runtime.run_command(engine, settings, arguments.port, model_dir, arguments.read_only)
    print(" ".join(command), file=sys.stderr, flush=True)
    return {"exit_code": subprocess.call(command)}


def test_parser() -> argparse.ArgumentParser:
    """Return the options of do/test."""
    parser = argparse.ArgumentParser("do/test", description="Ask a running server for predictions.")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the server (http://127.0.0.1:8080)")
    parser.add_argument("--data", help="a file to send: .json, .jsonl, .csv or .npy")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    contract = parser.add_argument_group("the contract suite: all that SageMaker expects of a container")
    contract.add_argument("--contract", action="store_true", help="run it on the image of do/build")
    contract.add_argument("--local", action="store_true", help="run it without a container, in .venv-model")
    contract.add_argument("--only", metavar="NUMBERS", help="only these checks, like 9,13")
    contract.add_argument("--soak", action="store_true", help="with 100,000 requests for the memory check")
    _add_engine(contract)
    return parser


def test(settings: Config, arguments: argparse.Namespace) -> Result:
    """Send a request and show the answer, or run the contract suite."""
    if arguments.contract:
        return _contract(settings, arguments)
    requests.ping(arguments.url)
    return requests.predict(arguments.url, arguments.data)


def _contract(settings: Config, arguments: argparse.Namespace) -> Result:
    if not (PROJECT / "tests" / "contract").is_dir():
        seen = "tests/contract is not there"
        remedy = "run `copier update` in the project and answer yes to include_tests"
        raise Failure(PRECONDITION, "no-contract-suite", "the contract suite cannot run", seen, remedy)
    options = ["--json"] * arguments.json + ["--soak"] * arguments.soak
    options += ["--only", arguments.only] if arguments.only else []
    if arguments.local:
        runtime.train_if_missing()
        options += ["--local", "--python", str(runtime.model_python())]
        if runtime.find_model() is None:
            raise runtime.no_model()
    else:
        engine = runtime.find_engine(arguments.engine or settings.engine)
        runtime.require_image(engine, settings.image)
        options += ["--image", settings.image, "--engine", engine]
    command = [sys.executable, "-m", "tests.contract", *options]
    answer = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE if arguments.json else None)
    report: Result = json.loads(answer.stdout) if answer.stdout else {}
    return {**report, "exit_code": answer.returncode}


def _add_engine(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--engine", choices=runtime.ENGINES, help="the container engine to use")


VERBS = {"build": (build_parser, build), "run": (run_parser, run), "test": (test_parser, test)}
