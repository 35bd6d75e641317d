# Part of the library: `copier update` replaces this file.
"""Delete everything of this project from the cluster, and prove that nothing is left."""

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

# Whatever this project may have made there, in this mode or the other: the pods' makers first.
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
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--images", action="store_true", help="the images in ECR, too")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Find by label and tag, delete, wait, and look again with connections of their own."""
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
            return {"deleted": [], "left": [], "text": f"nothing of this project is in {manifests.namespace}"}
        log(f"in {manifests.namespace} of {api.name}, and in AWS: {', '.join(named)}")
        if not arguments.yes and not confirmed("delete them?", "clean"):
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
            what, remedy = "not everything is gone", "do/clean again; finalizers of others may hold it"
            failure = Failure(VERIFICATION, "left-behind", what, ", ".join(left), remedy)
            failure.left = left
            raise failure
        return {**receipt, "text": f"deleted {len(named)} objects, 0 are left; receipt: {path}"}


def in_aws(settings: Target, aws: Aws, arguments: argparse.Namespace) -> list[Resource]:
    """Return this project's resources for builds in AWS, and with --images its repository of images."""
    found = list(resources.find_build(settings, aws)) if (PROJECT / "do" / "buildspec.yml").exists() else []
    if arguments.images:
        found += resources.find_images(settings, aws)
    return [resource for resource in found if resource.ours]


def belonging(api: Api, manifests: Manifests, more: tuple[tuple[str, str], ...] = ()) -> list[Object]:
    """Return the project's objects; kinds that the cluster does not know have none."""
    found = []
    own = [(entry["apiVersion"], entry["kind"]) for entry in manifests.objects]
    made = {kind for _, kind in (*own, *PODS)}
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
            if failure.status == 403 and kind not in made:
                continue  # this identity cannot have made any
            raise
        named = [item for item in items if _is_named(item["metadata"]["name"], manifests)]
        found += [{**item, "apiVersion": version, "kind": kind} for item in named]
    return found


def _is_named(name: str, manifests: Manifests) -> bool:
    """Return whether this project gives an object such a name: labels alone can be copied by anybody."""
    project = manifests.labels["app.kubernetes.io/name"]
    prefixes = (f"{project}-", f"{manifests.namespace}-{project}-")
    own = {project, *(entry["metadata"]["name"] for entry in manifests.objects)}
    return name in own or name.startswith(prefixes)


def _wait(api: Api, manifests: Manifests, settings: Target) -> None:
    """Return when nothing is left, or it takes too long; the caller looks for itself."""
    progress = Progress("deleting", settings.delete_seconds)
    while (left := belonging(api, manifests, PODS)) and progress.elapsed < progress.limit:
        progress.show(f"{len(left)} objects are left")
        progress.sleep(settings.poll_seconds)


def _name(entry: Object) -> str:
    return f"{entry['kind']} {entry['metadata']['name']}"
