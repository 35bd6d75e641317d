# Part of the library: `copier update` replaces this file.
"""Apply kubernetes/ to the cluster, follow it until it serves, and undo it when it does not."""

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
    parser.add_argument("--force", action="store_true", help="overrule what others set in the same objects")
    parser.add_argument("--keep", action="store_true", help="leave what does not come to serve as it is")
    parser.add_argument("--no-test", action="store_true", help="send no request when it serves")
    requests.add_options(parser)


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Deploy; it has succeeded when a request is answered."""
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
            log(f"removed ConfigMaps of earlier settings: {', '.join(removed)}")
        answer = {} if arguments.no_test else _test(settings, api, arguments)
        told = "nothing to change" if not changed else ", ".join(f"{c.action} {c.name}" for c in changed)
        serving = f"serves {manifests.image} in namespace {manifests.namespace}"
        return {**result, "answer": answer, "text": f"{told}\n{serving}"}


def _apply(
    api: Api, settings: Target, manifests: Manifests, changed: list[Change], arguments: argparse.Namespace
) -> None:
    """Apply and follow. Raises Failure after putting back what was before, unless it is to be kept."""
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
        log("not waiting any longer; the rollout goes on. do/status shows it, do/clean ends it")
        raise
    except Failure as failure:
        if failure.finding.id == "cluster-unreachable" or arguments.keep or not done:
            failure.left = [change.name for change in done]
            raise
        _show_logs(api, manifests)
        log("undoing what was applied")
        rollout.undo(api, done)
        before = any(change.before for change in done)
        undone = "; what was before is back" if before else "; what was made is deleted"
        failure.finding = replace(failure.finding, seen=failure.finding.seen + undone)
        raise


def _show_logs(api: Api, manifests: Manifests) -> None:
    """Print the end of the log of each pod that does not serve, for they are gone soon."""
    for pod in pods.listed(api, manifests.namespace, manifests.selector):
        if not pods.ready(pod):
            for line in pods.log_tail(api, pod, previous=pods.container(pod).get("restartCount", 0) > 0):
                log(f"  | {pod['metadata']['name']}: {line}")


def _test(settings: Target, api: Api, arguments: argparse.Namespace) -> Result:
    """Return the answer to a request. Raises Failure (verification) when it is not as it should be."""
    try:
        answer = requests.check(remote.server(settings, api), arguments)
    except ApiFailure as failure:
        cause = "it is deployed and serves, but could not be asked from here"
        failure.finding = replace(failure.finding, cause=cause)
        raise
    except Failure as failure:
        failure.code = VERIFICATION
        cause = "it is deployed and goes on running, but does not answer as it should"
        failure.finding = replace(failure.finding, cause=cause)
        raise
    if text := answer.get("text", ""):
        log(text)
    return {name: value for name, value in answer.items() if name != "text"}
