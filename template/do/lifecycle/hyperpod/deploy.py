# Part of the library: `copier update` replaces this file.
"""Apply kubernetes/ to the cluster, follow the rollout, and roll back if it fails."""

import argparse
from dataclasses import replace

from lifecycle import journal
from lifecycle.aws import Aws
from lifecycle.console import log
from lifecycle.hyperpod import changes, cluster, plan, pods, preflight, remote, rollout
from lifecycle.hyperpod.api import Api, ApiFailure
from lifecycle.hyperpod.changes import Change
from lifecycle.hyperpod.manifests import Manifests
from lifecycle.hyperpod.target import Target
from lifecycle.project import VERIFICATION, Failure, Result
from lifecycle.served import requests


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/deploy."""
    parser.add_argument("--force", action="store_true", help="overwrite fields that other managers have set")
    parser.add_argument("--keep", action="store_true", help="do not roll back a failed rollout")
    parser.add_argument("--no-test", action="store_true", help="send no test request after the rollout")
    requests.add_options(parser)


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Deploy; the exit code is 0 only if the deployment passes do/test."""
    if not arguments.no_test:
        requests.validate(arguments)
    with journal.locked("deploy"):
        aws = Aws(settings, "deploy")
        aws.identify()
        manifests = Manifests()
        if not manifests.image:
            manifests = plan.with_pushed(settings, aws)
        api = cluster.connect(aws, settings)
        found = preflight.before_apply(api, manifests)
        planned = changes.of(api, manifests, arguments.force)
        for finding in plan.capacity_findings(plan.capacity(found, manifests), manifests.workload, planned):
            log(f"note: {finding.what}; {finding.seen}")
        changed = [change for change in planned if change.action != "keep"]
        result = {
            "cluster": settings.hyperpod_cluster,
            "namespace": manifests.namespace,
            "image": manifests.image,
            "changes": [{"object": change.name, "action": change.action} for change in planned],
        }
        _apply(api, settings, manifests, changed, arguments)
        if removed := rollout.prune(api, manifests):
            log(f"deleted ConfigMaps of earlier settings: {', '.join(removed)}")
        answer = {} if arguments.no_test else _test(settings, api, arguments)
        actions = ", ".join(f"{change.action} {change.name}" for change in changed) or "no changes"
        serving = f"namespace {manifests.namespace} serves {manifests.image}"
        return {**result, "answer": answer, "text": f"{actions}\n{serving}"}


def _apply(
    api: Api, settings: Target, manifests: Manifests, changed: list[Change], arguments: argparse.Namespace
) -> None:
    """Apply and follow. Raise Failure after a rollback, which --keep prevents."""
    done: list[Change] = []
    try:
        for change in changed:
            entry = {"verb": "deploy", "region": settings.region, "call": "kubernetes.apply"}
            journal.write(state="intent", about={"object": change.name}, **entry)
            done.append(change)
            api.apply(change.entry, force=arguments.force)
            journal.write(state="done", about={"object": change.name}, **entry)
            log(f"{change.action:7} {change.name}")
        rollout.Rollout(api, manifests, settings).follow()
    except KeyboardInterrupt:
        log("stopped waiting; the rollout continues. do/status shows it, do/clean deletes it")
        raise
    except Failure as failure:
        if failure.finding.id == "cluster-unreachable" or arguments.keep or not done:
            failure.left = [change.name for change in done]
            raise
        _show_logs(api, manifests)
        log("rolling back")
        rollout.undo(api, done)
        before = any(change.before for change in done)
        undone = "; rolled back to the previous version" if before else "; the created objects are deleted"
        failure.finding = replace(failure.finding, seen=failure.finding.seen + undone)
        raise


def _show_logs(api: Api, manifests: Manifests) -> None:
    """Print the end of the log of each pod that is not ready, before the pod is deleted."""
    for pod in pods.listed(api, manifests.namespace, manifests.selector):
        if not pods.ready(pod):
            for line in pods.log_tail(api, pod, previous=pods.container(pod).get("restartCount", 0) > 0):
                log(f"  | {pod['metadata']['name']}: {line}")


def _test(settings: Target, api: Api, arguments: argparse.Namespace) -> Result:
    """Return the response to a request. Raise Failure (verification) if it is wrong."""
    try:
        answer = requests.check(remote.server(settings, api), arguments)
    except ApiFailure as failure:
        cause = "it is deployed and ready, but cannot be reached from here"
        failure.finding = replace(failure.finding, cause=cause)
        raise
    except Failure as failure:
        failure.code = VERIFICATION
        cause = "it is deployed and still running, but the response is wrong"
        failure.finding = replace(failure.finding, cause=cause)
        raise
    if text := answer.get("text", ""):
        log(text)
    return {name: value for name, value in answer.items() if name != "text"}
