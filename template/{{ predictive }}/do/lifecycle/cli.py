"""The command line of each verb: its options, what it does, and what it prints.

Results go to stdout (as text, or one JSON document with --json), progress and errors to stderr.
"""

import argparse
import json
import os
import subprocess
import sys
from typing import Any

from lifecycle import requests, runtime
from lifecycle.project import DEFECT, DONE, INTERRUPTED, PRECONDITION, PROJECT, Config, Failure, load_config

Result = dict[str, Any]


def main(verb: str) -> int:
    """Run one verb with the arguments of the command line and return its exit code."""
    action, add_options = VERBS[verb]
    parser = argparse.ArgumentParser(f"do/{verb}", description=action.__doc__)
    parser.add_argument("--engine", choices=runtime.ENGINES, help="the container engine to use")
    add_options(parser)
    arguments = parser.parse_args()
    findings: list[dict[str, str]] = []
    try:
        result = action(load_config(), arguments)
    except Failure as failure:
        print(failure, file=sys.stderr)
        result, findings = {"exit_code": failure.code}, [failure.finding]
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    code, text = result.pop("exit_code", DONE), result.pop("text", "")
    if getattr(arguments, "json", False):
        document = {"format_version": 1, "verb": verb, "ok": code == DONE, "result": result}
        print(json.dumps({**document, "findings": findings, "next": [f["next"] for f in findings]}, indent=2))
    elif text:
        print(text)
    return code


def add_build_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/build."""
    parser.add_argument("--no-cache", action="store_true", help="build every step anew")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def build(settings: Config, arguments: argparse.Namespace) -> Result:
    """Build the image, ready to push; train the sample model first if it is wanted and missing."""
    runtime.train_if_missing()
    engine = runtime.find_engine(arguments.engine or settings.engine)
    if not runtime.has_model():
        print("model/ is empty: the image has no model and needs SageMaker to bring one", file=sys.stderr)
    command = runtime.build_command(engine, settings, arguments.no_cache)
    print(f"building {settings.image} for {settings.platform} with {engine}", file=sys.stderr, flush=True)
    # Attestations make a manifest that SageMaker refuses.
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    if subprocess.run(command, cwd=PROJECT, stdout=sys.stderr, env=environment).returncode:
        remedy = "read the engine's last lines above; `do/build --no-cache` rules out a stale step"
        raise Failure(DEFECT, "build-failed", "the image was not built", " ".join(command), remedy)
    return {"image": settings.image, "platform": settings.platform, "text": settings.image}


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/run."""
    parser.add_argument("--local", action="store_true", help="without a container, in .venv-model")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (8080)")
    parser.add_argument("--model-dir", type=runtime.directory, help="a directory to use instead of model/")
    parser.add_argument("--read-only", action="store_true", help="with a read-only root file system")


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Start the server as SageMaker does, in a container or without one. Ctrl-C ends it."""
    model_dir = arguments.model_dir
    if arguments.local:
        if not model_dir:
            runtime.require_model()
        python = runtime.model_python()
        print(f"serving on http://127.0.0.1:{arguments.port} (Ctrl-C ends it)", file=sys.stderr, flush=True)
        runtime.serve_locally(python, arguments.port, model_dir or PROJECT / "model")
    engine = runtime.find_engine(arguments.engine or settings.engine)
    runtime.require_image(engine, settings.image)
    command = runtime.run_command(engine, settings, arguments.port, model_dir, arguments.read_only)
    print(" ".join(command), file=sys.stderr, flush=True)
    return {"exit_code": subprocess.call(command)}


def add_test_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/test."""
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the server (http://127.0.0.1:8080)")
    parser.add_argument("--data", help="a file to send: .json, .jsonl, .csv or .npy")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    contract = parser.add_argument_group("the contract suite: all that SageMaker expects of a container")
    contract.add_argument("--contract", action="store_true", help="run it on the image of do/build")
    contract.add_argument("--local", action="store_true", help="run it without a container, in .venv-model")
    contract.add_argument("--only", metavar="NUMBERS", help="only these checks, like 9,13")
    contract.add_argument("--soak", action="store_true", help="with 100,000 requests for the memory check")


def test(settings: Config, arguments: argparse.Namespace) -> Result:
    """Ask a running server for predictions, or run the contract suite."""
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
        runtime.require_model()
        options += ["--local", "--python", str(runtime.model_python())]
    else:
        engine = runtime.find_engine(arguments.engine or settings.engine)
        runtime.require_image(engine, settings.image)
        options += ["--image", settings.image, "--engine", engine]
    command = [sys.executable, "-m", "tests.contract", *options]
    answer = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE if arguments.json else None)
    return {**json.loads(answer.stdout or "{}"), "exit_code": answer.returncode}


VERBS = {"build": (build, add_build_options), "run": (run, add_run_options), "test": (test, add_test_options)}
