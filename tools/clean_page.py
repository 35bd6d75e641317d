"""The reference of what do/clean deletes, from the kinds of resources that rendered projects declare."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.projects import GENERATED

READ_KINDS = """
import json, sys
sys.path.insert(0, "do")
from lifecycle import resources
try:
    from lifecycle.sagemaker.kinds import KINDS as own
    objects = []
except ModuleNotFoundError:
    from lifecycle.hyperpod.clean import KINDS as objects
    own = {name: kind for name, kind in resources.SHARED.items() if kind.option != "--logs"}
names = ("name", "by", "finds", "empties", "delete", "option", "waits", "stops")
print(json.dumps({"objects": objects, "kinds": [{n: getattr(k, n) for n in names} for k in own.values()]}))
"""
AGAIN = "its search, with a new connection"
# The prefixes of IAM actions that differ from the names of the clients in boto3.
PREFIXES = {"resourcegroupstaggingapi": "tag"}
HEAD = ("| resource | how it is found | how it is deleted | proof |", "| --- | --- | --- | --- |")


def clean_page(made: Mapping[str, Path]) -> str:
    """Return the page as Markdown; `made` has the projects `endpoint`, `batch` and `cluster`."""
    endpoint, batch, cluster = (_read(made[name]) for name in ("endpoint", "batch", "cluster"))
    jobs = [kind for kind in batch["kinds"] if kind not in endpoint["kinds"]]
    return "\n".join(
        [
            "# Resources that do/clean deletes",
            "",
            GENERATED,
            "",
            "`do/clean` deletes these resources, in this order. It deletes a resource only if its tag",
            "`mcc-project-id` has the ID of the project, and its name is one that the project uses. Log",
            "groups have no tags. After the deletion, it searches again with a new connection, at most three",
            "times. If a resource remains, the exit code is 6, and the receipt in `.do/` lists its ARN.",
            "",
            "## SageMaker endpoint",
            "",
            *HEAD,
            *map(_row, endpoint["kinds"]),
            "",
            "## Batch transform jobs",
            "",
            "Before the resources in the other table, `do/clean` stops jobs that run. SageMaker has no call",
            "that deletes the record of a job that has ended. The objects in `batch_location` and the log",
            "group `/aws/sagemaker/TransformJobs`, which all jobs of an account share, remain.",
            "",
            *HEAD,
            *map(_row, jobs),
            "",
            "## HyperPod cluster",
            "",
            *HEAD,
            *(_object(*entry) for entry in cluster["objects"]),
            *map(_row, cluster["kinds"]),
            "",
        ]
    )


def _read(project: Path) -> dict[str, Any]:
    """Return the kinds of resources that a rendered project declares."""
    command = [sys.executable, "-c", READ_KINDS]
    done = subprocess.run(command, cwd=project, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _row(kind: Mapping[str, Any]) -> str:
    option = f" (`{kind['option']}`)" if kind["option"] else ""
    deletes = ", ".join(map(_action, [*kind["empties"], kind["delete"]]))
    ends = "it has ended" if kind["stops"] else "it is missing"
    waits = f"{_action(kind['finds'][-2])} until {ends}; then {AGAIN}" if kind["waits"] else AGAIN
    finds = f"{kind['by']}: {', '.join(map(_action, kind['finds']))}"
    return f"| {kind['name']}{option} | {finds} | {deletes} | {waits} |"


def _object(version: str, kind: str) -> str:
    finds = "the labels of the project, and a name of the project"
    return f"| {kind} ({version}) | {finds} | delete | the same list, with a new connection |"


def _action(call: str) -> str:
    """Return a call such as ecr.delete_repository in the form of CloudTrail and IAM."""
    service, _, operation = call.partition(".")
    return f"`{PREFIXES.get(service, service)}:{operation.title().replace('_', '')}`"
