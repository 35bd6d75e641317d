# Part of the library: `copier update` replaces this file.
"""Send a request to a running server, or run the contract suite."""

import argparse
import importlib
import json
import os
import subprocess
import sys

from lifecycle import chosen, engine, environment
from lifecycle.project import PRECONDITION, PROJECT, USAGE, Failure, Result
from lifecycle.served import local, requests
from lifecycle.target import Target, remote
from lifecycle.transport import Server


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/test."""
    engine.add_option(parser)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="address of the server (%(default)s)")
    parser.add_argument("--remote", action="store_true", help="test the deployment instead of this machine")
    text = "test the OpenAI-compatible path of the endpoint, with --remote"
    parser.add_argument(
        "--openai", action="store_true", help=text if chosen.OPENAI_PATH else argparse.SUPPRESS
    )
    requests.add_options(parser)
    contract = parser.add_argument_group("contract suite: the requirements of SageMaker for a container")
    contract.add_argument("--contract", action="store_true", help="run the suite on the image of do/build")
    contract.add_argument("--local", action="store_true", help="run the suite without a container")
    contract.add_argument("--only", metavar="NUMBERS", help="run only these checks, for example 9,13")
    contract.add_argument("--soak", action="store_true", help="send 100,000 requests in the memory check")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Test the server, or run the suite."""
    if arguments.contract:
        return _contract(settings, arguments)
    if arguments.openai:
        return requests.check(_openai_path(settings, arguments.remote), arguments)
    return requests.check(remote.server(settings) if arguments.remote else Server(arguments.url), arguments)


def _openai_path(settings: Target, remote: bool) -> Server:
    """Return the endpoint behind its OpenAI-compatible path. Raise Failure (usage) without one."""
    what = "--openai does not apply"
    if not chosen.OPENAI_PATH:
        seen = "this project has no language model with chats on a SageMaker endpoint"
        raise Failure(USAGE, "no-openai-path", what, seen, "do/test --remote")
    if not remote:
        seen = "the path belongs to the deployed endpoint, and --remote is missing"
        raise Failure(USAGE, "no-openai-path", what, seen, "do/test --remote --openai")
    module = importlib.import_module("lifecycle.sagemaker.openai_path")  # only such projects have it
    server: Server = module.server(settings)
    return server


def _contract(settings: Target, arguments: argparse.Namespace) -> Result:
    if not (PROJECT / "do" / "contract").is_dir():
        seen = "there is no do/contract"
        next_step = "copier update --trust -d include_tests=true"
        raise Failure(PRECONDITION, "no-contract-suite", "the contract suite cannot run", seen, next_step)
    options = ["--json"] if arguments.json else []
    options += ["--soak"] if arguments.soak else []
    options += ["--only", arguments.only] if arguments.only else []
    if arguments.local:
        options += ["--local", "--python", str(local.server_python())]
    else:
        program = engine.find(arguments.engine or settings.engine)
        engine.inspect(program, settings.image)
        options += ["--image", settings.image, "--engine", program]
    command = [sys.executable, "-m", "contract", *options]
    # Without a container, the user's model runs on this machine.
    variables = environment.bare() if arguments.local else dict(os.environ)
    variables["PYTHONPATH"] = str(PROJECT / "do")
    output = subprocess.PIPE if arguments.json else None
    answer = subprocess.run(command, cwd=PROJECT, stdout=output, env=variables)
    return {**json.loads(answer.stdout or "{}"), "exit_code": answer.returncode}
