# Part of the library: `copier update` replaces this file.
"""Delete the objects of this project in the cluster, and verify the deletion."""

import argparse

from lifecycle import journal, resources
from lifecycle.aws import Aws
from lifecycle.console import Progress, confirmed, log
from lifecycle.hyperpod import cluster
from lifecycle.hyperpod.api import Api, ApiFailure
from lifecycle.hyperpod.manifests import Manifests, Object
from lifecycle.hyperpod.target import Target
from lifecycle.project import PROJECT, USAGE, VERIFICATION, Failure, Result
from lifecycle.resources import Resource

# The kinds that a project can create in either mode, workloads first.
KINDS = (
    ("inference.sagemaker.aws.amazon.com/v1", "InferenceEndpointConfig"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("apps/v1", "Deployment"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "PersistentVolume"),
)
PODS = (("apps/v1", "ReplicaSet"), ("v1", "Pod"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/clean."""
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument("--images", action="store_true", help="also delete the images in ECR")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Find objects by label and tag, delete them, wait, and search again with new connections."""
    with journal.locked("clean"):
        aws = Aws(settings, "clean")
        aws.identify()
        manifests = Manifests()
        api = cluster.connect(aws, settings)
        found, listed = belonging(api, manifests), in_aws(settings, aws, arguments)
        elsewhere = [resource for resource in listed if resource.removable]
        for resource in elsewhere:
            aws.require_creator(f"the {resource}", resource.tags)
        kept = [f"{resource}: {resource.kept}" for resource in listed if resource.kept]
        for reason in kept:
            log(f"kept: {reason}")
        named = [*map(_name, found), *map(str, elsewhere)]
        if not named:
            return {
                "deleted": [],
                "left": [],
                "text": f"no objects of this project in namespace {manifests.namespace}",
            }
        log(f"to delete in namespace {manifests.namespace} of {api.name}, and in AWS: {', '.join(named)}")
        if not arguments.yes and not confirmed("Delete these objects?", "clean"):
            raise Failure(USAGE, "declined", "nothing was deleted", "the answer was no", "do/clean")
        for entry in found:
            about = {"object": _name(entry)}
            journal.write(
                verb="clean", region=settings.region, state="intent", call="kubernetes.delete", about=about
            )
            api.delete(api.path_of(entry))
        _wait(api, manifests, settings)
        for resource in elsewhere:
            resources.remove(aws, resource)
        left = [_name(entry) for entry in belonging(cluster.connect(aws, settings), manifests, PODS)]
        listed = in_aws(settings, Aws(settings, "clean"), arguments)
        left += [str(resource) for resource in listed if resource.removable]
        receipt = {"cluster": api.name, "namespace": manifests.namespace, "deleted": named, "left": left}
        receipt["kept"] = kept
        path = journal.save("clean", receipt)
        if left:
            what, next_step = "some objects remain", "run do/clean again; a finalizer can block the deletion"
            failure = Failure(VERIFICATION, "left-behind", what, ", ".join(left), next_step)
            failure.left = left
            raise failure
        return {**receipt, "text": f"deleted {len(named)} objects, 0 remain; receipt: {path}"}


def in_aws(settings: Target, aws: Aws, arguments: argparse.Namespace) -> list[Resource]:
    """Return this project's build resources in AWS, and with --images its image repository."""
    found = list(resources.find_build(settings, aws)) if (PROJECT / "do" / "buildspec.yml").exists() else []
    if arguments.images:
        found += resources.find_images(settings, aws)
    return [resource for resource in found if resource.owned]


def belonging(api: Api, manifests: Manifests, more: tuple[tuple[str, str], ...] = ()) -> list[Object]:
    """Return the project's objects of all kinds that the cluster has."""
    found = []
    own = [(entry["apiVersion"], entry["kind"]) for entry in manifests.objects]
    required = {kind for _, kind in (*own, *PODS)}
    for version, kind in dict.fromkeys((*own, *KINDS, *more)):
        try:
            path = api.path(version, kind, manifests.namespace)
        except ApiFailure as failure:
            if failure.status != 404:
                raise
            continue
        try:
            items = api.items(path, manifests.selector)
        except ApiFailure as failure:
            if failure.status == 403 and kind not in required:
                continue  # this identity cannot have created any
            raise
        named = [item for item in items if _is_named(item["metadata"]["name"], manifests)]
        found += [{**item, "apiVersion": version, "kind": kind} for item in named]
    return found


def _is_named(name: str, manifests: Manifests) -> bool:
    """Return whether a name is of the project's naming scheme. Labels are not enough: they can be copied."""
    project = manifests.labels["app.kubernetes.io/name"]
    prefixes = (f"{project}-", f"{manifests.namespace}-{project}-")
    own = {project, *(entry["metadata"]["name"] for entry in manifests.objects)}
    return name in own or name.startswith(prefixes)


def _wait(api: Api, manifests: Manifests, settings: Target) -> None:
    """Wait until no objects remain or the time limit is reached; the caller verifies."""
    progress = Progress("deleting", settings.delete_seconds)
    while (left := belonging(api, manifests, PODS)) and progress.elapsed < progress.limit:
        progress.show(f"{len(left)} objects remain")
        progress.sleep(settings.poll_seconds)


def _name(entry: Object) -> str:
    return f"{entry['kind']} {entry['metadata']['name']}"
