# Part of the library: `copier update` replaces this file.
"""Delete an endpoint whose first deployment failed: it does not work, and its instances are billed."""

import sys

from lifecycle.aws import Aws
from lifecycle.console import confirmed, log
from lifecycle.project import REFUSED, VERIFICATION, Failure
from lifecycle.sagemaker import clean, inventory
from lifecycle.sagemaker.changes import Step
from lifecycle.sagemaker.hosted import Target, cost

FINAL = (REFUSED, VERIFICATION)  # not a timeout: that operation continues


def offer(settings: Target, aws: Aws, steps: list[Step], failure: Failure, yes: bool) -> None:
    """Ask whether to delete the endpoint that these steps created, and delete it if the answer is yes.

    With `yes`, do not ask. Without it and without a terminal, delete nothing: the failure lists what remains.
    """
    created = any((step.action, step.kind) == ("create", "endpoint") for step in steps)
    if not created or failure.code not in FINAL or not (yes or sys.stdin.isatty()):
        return
    found = [item for item in inventory.find(settings, aws) if item.removable]
    endpoints = [item for item in found if item.kind == "endpoint"]
    if not endpoints:
        return
    log(f"{failure.finding.what}: {failure.finding.seen}")
    for item in found:
        log(f"  {cost.described(settings, item)}")
    if not yes and not confirmed("The first deployment failed. Delete these resources?", "deploy"):
        return
    for item in found:
        try:
            clean.remove(settings, aws, item)
        except Failure as problem:
            log(f"could not delete {item}: {problem.finding.seen}")
