# Part of the library: `copier update` replaces this file.
"""The rollout of an apply, and its rollback."""

import time
from dataclasses import dataclass, field

from lifecycle.console import Progress
from lifecycle.hyperpod import changes, pods
from lifecycle.hyperpod.api import Api
from lifecycle.hyperpod.changes import Change
from lifecycle.hyperpod.manifests import Manifests, Object, pod_spec
from lifecycle.hyperpod.target import Target
from lifecycle.project import REFUSED, Failure

REVISION, HASH = "deployment.kubernetes.io/revision", "pod-template-hash"


@dataclass
class Rollout:
    """A rollout: the events shown so far, and the start time of each waiting pod."""

    api: Api
    manifests: Manifests
    settings: Target
    shown: set[str] = field(default_factory=set)
    waiting: dict[str, float] = field(default_factory=dict)

    def follow(self) -> None:
        """Wait until all pods are ready. Raise Failure if a pod fails or the time limit is reached."""
        workload = self.manifests.workload
        limit = _limit(workload)
        progress = Progress("rollout", limit)
        while True:
            live = self.api.get(self.api.path_of(workload))
            if live is None:
                seen = f"{workload['kind']} {workload['metadata']['name']} is gone"
                raise Failure(
                    REFUSED, "deleted", "the workload was deleted during the rollout", seen, "do/deploy"
                )
            found = current(self.api, self.manifests, live)
            status, done = progress_of(live)
            if done:
                progress.end(status)
                return
            progress.show(f"{status}; {summary(found)}")
            self._show_events(progress, found)
            self._check(live, found, progress)
            progress.sleep(self.settings.poll_seconds)

    def _check(self, live: Object, found: list[Object], progress: Progress) -> None:
        """Raise Failure for a permanent problem, or a temporary one after its time limit."""
        now = time.monotonic()
        for pod in found:
            name = pod["metadata"]["name"]
            problem = None if pods.ready(pod) or pods.lost(pod) else pods.problem(self.api, pod)
            if problem is None:
                self.waiting.pop(name, None)
            elif not problem.temporary or (
                now - self.waiting.setdefault(name, now) >= self.settings.schedule_seconds
            ):
                raise problem.failure
        reason = pods.condition(live, "Progressing").get("reason", "")
        failed = live.get("status", {}).get("state") == "DeploymentFailed"
        if reason == "ProgressDeadlineExceeded" or failed or progress.elapsed > progress.limit:
            seen = f"{summary(found)} after {int(progress.elapsed)} s"
            for pod in found:
                if not pods.ready(pod) and (problem := pods.unanswered(self.api, pod, seen)):
                    raise problem.failure
            if failed:
                seen = "; ".join(item["message"] for item in live["status"].get("conditions", [])) or seen
            what, next_step = "timed out waiting for ready pods", "read do/logs; startupProbe sets the limit"
            raise Failure(REFUSED, "rollout-timed-out", what, seen, next_step)

    def _show_events(self, progress: Progress, found: list[Object]) -> None:
        for pod in found:
            for event in pods.events(self.api, pod):
                line = f"{pod['metadata']['name']}: {event}"
                if line not in self.shown:
                    self.shown.add(line)
                    progress.line(line)


def selector(manifests: Manifests, live: Object) -> str:
    """Return the label selector of a workload's pods."""
    given = live["spec"].get("selector", {}).get("matchLabels")
    if given:
        return ",".join(f"{name}={value}" for name, value in sorted(given.items()))
    return str(live.get("status", {}).get("selector") or manifests.selector)


def current(api: Api, manifests: Manifests, live: Object) -> list[Object]:
    """Return the pods of the last applied revision."""
    found = pods.listed(api, manifests.namespace, selector(manifests, live))
    revision = live["metadata"].get("annotations", {}).get(REVISION)
    if not revision:
        return found
    path = api.path("apps/v1", "ReplicaSet", manifests.namespace)
    for entry in api.items(path, selector(manifests, live)):
        if entry["metadata"].get("annotations", {}).get(REVISION) == revision:
            of_it = entry["metadata"]["labels"].get(HASH)
            return [pod for pod in found if pod["metadata"]["labels"].get(HASH) == of_it]
    return []


def progress_of(live: Object) -> tuple[str, bool]:
    """Return the progress of a workload in words, and whether it is complete."""
    status, desired = live.get("status", {}), int(live["spec"].get("replicas", 1))
    seen = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 1)
    if "state" in status or not pod_spec(live):
        state = status.get("state", "not processed yet")
        return state, seen and state == "DeploymentComplete"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    done = seen and updated >= desired and available >= desired and status.get("replicas", 0) == updated
    return f"{min(updated, available)} of {desired} pods are ready", done


def summary(found: list[Object]) -> str:
    """Return the states of pods in a line."""
    counted: dict[str, int] = {}
    for pod in found:
        counted[pods.state(pod)] = counted.get(pods.state(pod), 0) + 1
    return ", ".join(f"{number} {state}" for state, number in sorted(counted.items())) or "no pod yet"


def undo(api: Api, done: list[Change]) -> None:
    """Apply the previous version of every object; delete new objects."""
    for change in reversed(done):
        path = api.path_of(change.entry)
        before = changes.set_by_us(change.before) if change.before else None
        if change.before is None:
            api.delete(path)
        elif before and change.lines:
            api.apply(before, force=True)


def prune(api: Api, manifests: Manifests) -> list[str]:
    """Delete the ConfigMaps that no revision uses; return their names."""
    used = {entry["metadata"]["name"] for entry in manifests.objects}
    for entry in api.items(api.path("apps/v1", "ReplicaSet", manifests.namespace), manifests.selector):
        for container in (pod_spec(entry) or {})["containers"]:
            used |= {source.get("configMapRef", {}).get("name") for source in container.get("envFrom", [])}
    path = api.path("v1", "ConfigMap", manifests.namespace)
    names = [entry["metadata"]["name"] for entry in api.items(path, manifests.selector)]
    unused = [name for name in names if name not in used]
    for name in unused:
        api.delete(f"{path}/{name}")
    return unused


def _limit(workload: Object) -> float:
    spec = workload["spec"]
    return float(spec.get("progressDeadlineSeconds") or spec.get("maxDeployTimeInSeconds") or 3600)
