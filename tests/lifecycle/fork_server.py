"""Runs commands, which it reads as lines of JSON, in forks of this process, and returns exit codes.

It uses the Python of a project's .venv, with boto3, its service models, and the modules of one project
already loaded, which takes most of a command's time. The commands are unmodified. tests/lifecycle/forks.py
starts it, with the folder of the project as an argument.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import botocore.exceptions
import botocore.hooks
import botocore.loaders
import botocore.regions
import botocore.session
from botocore.endpoint_provider import EndpointProvider

SERVICES = (
    "sts", "sagemaker", "sagemaker-runtime", "application-autoscaling", "cloudwatch", "logs", "ecr", "iam",
    "s3", "codebuild", "resourcegroupstaggingapi", "service-quotas", "eks",
)  # fmt: skip


def main() -> None:
    """Serve until standard input ends."""
    read_models()
    for name in ("kubernetes.client", "kubernetes.stream", "yaml"):
        with contextlib.suppress(ImportError):  # only projects for a cluster have them
            importlib.import_module(name)
    read_project(Path(sys.argv[1]))
    gc.collect()
    gc.freeze()  # a collection in a fork would copy all pages of this process
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if child == 0:
            run(task)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, flush=True)


def read_models() -> None:
    """Give all sessions of boto3 a shared cache of what depends on the service alone.

    These are the models, the classes of the clients, and the rules for endpoints. Each client is a new one.
    """
    loader = botocore.loaders.create_loader()
    botocore.session.create_loader = lambda *arguments, **options: loader
    creator, aliases = vars(botocore.client)["ClientCreator"], vars(botocore.hooks)["EventAliaser"]
    for kind, name in (
        (creator, "_load_service_model"),
        (creator, "_create_client_class"),
        (aliases, "_alias_event_name"),
    ):
        setattr(kind, name, once(getattr(kind, name)))
    vars(botocore.hooks)["accepts_kwargs"] = cache(botocore.hooks.accepts_kwargs)
    vars(botocore.regions)["EndpointProvider"] = shared_provider
    create: Any = boto3.session.Session("AKIA", "secret", region_name="us-east-1").client
    for service in SERVICES:
        model = create(service).meta.service_model
        assert model.error_shapes is not None  # which reads all of them
        with contextlib.suppress(
            botocore.exceptions.UnknownServiceError, botocore.exceptions.DataNotFoundError
        ):
            loader.load_service_model(service, "paginators-1")


def once(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that keeps its result for each service or event."""
    kept: dict[str, Any] = {}

    def shared(self: object, name: str, *arguments: object) -> Any:
        if name not in kept:
            kept[name] = method(self, name, *arguments)
        return kept[name]

    return shared


PROVIDERS: dict[int, EndpointProvider] = {}


def shared_provider(**data: Any) -> EndpointProvider:
    """Return the rules of a service, whose data the loader keeps."""
    key = id(data["ruleset_data"])
    if key not in PROVIDERS:
        PROVIDERS[key] = EndpointProvider(**data)
    return PROVIDERS[key]


def read_project(project: Path) -> None:
    """Import the modules of a project's commands."""
    sys.path.insert(0, str(project / "do"))
    for file in sorted((project / "do" / "lifecycle").rglob("*.py")):
        with contextlib.suppress(ImportError):  # of a load generator, or of the libraries of a model
            importlib.import_module(".".join(file.relative_to(project / "do").with_suffix("").parts))


def forget_project(project: Path) -> None:
    """Drop the modules of a project, so that those of another one with the same names are imported."""
    sys.path[:] = [place for place in sys.path if not place.startswith(f"{project}/")]
    own = [entry.name for part in ("do", "serving") for entry in (project / part).iterdir() if entry.is_dir()]
    for name in [name for name in sys.modules if name.partition(".")[0] in own]:
        del sys.modules[name]


def run(task: dict[str, Any]) -> None:
    """Become a command: its environment, directory, output and end."""
    for number, name in ((1, task["out"]), (2, task["err"])):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(task["environment"])
    os.chdir(task["directory"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if task["directory"] != sys.argv[1]:
        forget_project(Path(sys.argv[1]))
    sys.argv = task["command"]
    sys.path.insert(0, os.path.dirname(task["command"][0]))
    if task["kill_after"]:
        die_after(task["kill_after"])
    code = 0
    try:
        runpy.run_path(task["command"][0], run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def die_after(lines: int) -> None:
    """Kill the process as soon as the journal has this number of lines."""
    left, to_disk = [lines], os.fsync

    def fsync(file: int) -> None:
        to_disk(file)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    vars(os)["fsync"] = fsync


if __name__ == "__main__":
    main()
