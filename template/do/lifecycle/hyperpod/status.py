# Part of the library: `copier update` replaces this file.
"""Show the pods in the cluster, their nodes, their state and their GPUs."""

import argparse
from typing import Any

from lifecycle.aws import Aws
from lifecycle.hyperpod import cluster, nodes, pods, remote, rollout
from lifecycle.hyperpod.manifests import Manifests, Object
from lifecycle.hyperpod.target import Target
from lifecycle.project import Result


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/status: it has none."""


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the state of the deployment."""
    manifests = Manifests()
    api = cluster.connect(Aws(settings, "status", read_only=True), settings)
    place = f"cluster {settings.hyperpod_cluster}, namespace {manifests.namespace}"
    live = api.get(api.path_of(manifests.workload))
    if live is None:
        return {"deployed": False, "text": f"not deployed in {place}"}
    progress, done = rollout.progress_of(live)
    found = remote.found(api, manifests)
    listed = [_pod(pod) for pod in found]
    problems = [problem.failure.finding for pod in found if (problem := _problem(api, pod))]
    gpus = int(sum(nodes.requests(pod["spec"]).get(nodes.GPU, 0) for pod in found))
    held = f", uses {gpus} GPUs" if gpus else ""
    text = [f"{place}: {progress}{held} (charged with the nodes of the cluster)"]
    text += ["{name}  {state}  {restarts} restarts  {node}".format(**pod) for pod in listed]
    text += [f"{finding.what}: {finding.seen}" for finding in problems]
    return {
        "deployed": True,
        "serves": done,
        "progress": progress,
        "gpus": gpus,
        "pods": listed,
        "findings": problems,
        "text": "\n".join(text),
    }


def _problem(api: Any, pod: Object) -> pods.Problem | None:
    return None if pods.ready(pod) else pods.problem(api, pod)


def _pod(pod: Object) -> dict[str, Any]:
    return {
        "name": pod["metadata"]["name"],
        "state": pods.state(pod),
        "restarts": pods.container(pod).get("restartCount", 0),
        "node": pod["spec"].get("nodeName", "no node"),
        "image": pods.container(pod).get("imageID") or pod["spec"]["containers"][0]["image"],
    }
