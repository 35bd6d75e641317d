"""Runs commands, which it reads as lines of JSON, in forks of this process, and returns exit codes.

It uses the Python of a project's .venv, with boto3 and its service models already loaded, which takes most of
a command's time. The commands are unmodified. tests/lifecycle/forks.py starts it.
"""

import contextlib
import importlib
import json
import os
import runpy
import signal
import sys
import traceback
from typing import Any

import boto3
import botocore.loaders
import botocore.session

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
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if child == 0:
            run(task)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, flush=True)


def read_models() -> None:
    """Give all sessions of boto3 a shared cache of its models."""
    loader = botocore.loaders.create_loader()
    botocore.session.create_loader = lambda *arguments, **options: loader
    create: Any = boto3.session.Session("AKIA", "secret", region_name="us-east-1").client
    for service in SERVICES:
        create(service)


def run(task: dict[str, Any]) -> None:
    """Become a command: its environment, directory, output and end."""
    for number, name in ((1, task["out"]), (2, task["err"])):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(task["environment"])
    os.chdir(task["directory"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
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
