"""The images of ECR, which are in the registry; moto has the repositories."""

import base64
from collections import defaultdict
from datetime import timedelta
from typing import Any

from moto.ecr.models import ecr_backends

from tests.fakes.aws.images import IMAGE, Manifest, fault_of
from tests.fakes.aws.listing import page
from tests.fakes.aws.resources import now
from tests.fakes.aws.wire import ACCOUNT, Refusal, Request, operation
from tests.fakes.aws.world import World

PASSWORD = f"{ACCOUNT}-auth-token"  # the password that moto returns
TOKEN_LIVES = timedelta(hours=12)
PAGE = 100
BLOBS = "/fake-blobs/"


@operation("ecr", "GetAuthorizationToken")
def get_authorization_token(world: World, request: Request) -> dict[str, Any]:
    token = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
    hosts = [f"{account}.dkr.ecr.{request.region}.amazonaws.com" for account in _registries(request)]
    until = now() + TOKEN_LIVES
    data = [
        {"authorizationToken": token, "expiresAt": until, "proxyEndpoint": f"https://{host}"}
        for host in hosts
    ]
    return {"authorizationData": data}


def _registries(request: Request) -> list[str]:
    registries: list[str] = request.parameters.get("registryIds") or [ACCOUNT]
    return registries


@operation("ecr", "BatchGetImage")
def batch_get_image(world: World, request: Request) -> dict[str, Any]:
    name = _repository(request)
    accepted = request.parameters.get("acceptedMediaTypes")
    images, failures = [], []
    for image in request.parameters["imageIds"]:
        manifest = _manifest(world, name, image)
        if manifest is None or (accepted and manifest.media_type not in accepted):
            reason = "Requested image not found"
            failures.append({"imageId": image, "failureCode": "ImageNotFound", "failureReason": reason})
            continue
        images.append(
            {
                "registryId": ACCOUNT,
                "repositoryName": name,
                "imageId": image | {"imageDigest": manifest.digest},
                "imageManifest": manifest.body.decode(),
                "imageManifestMediaType": manifest.media_type,
            }
        )
    return {"images": images, "failures": failures}


@operation("ecr", "DescribeImages")
def describe_images(world: World, request: Request) -> dict[str, Any]:
    name = _repository(request)
    tags = _tags_by_digest(world, name)
    if wanted := request.parameters.get("imageIds"):
        digests = [_found(world, name, image).digest for image in wanted]
    else:
        digests = list(tags)
    details = []
    for digest in dict.fromkeys(digests):
        manifest = _found(world, name, {"imageDigest": digest})
        detail: dict[str, Any] = {
            "registryId": ACCOUNT,
            "repositoryName": name,
            "imageDigest": digest,
            "imageTags": tags.get(digest, []),
            "imageSizeInBytes": manifest.size,
            "imagePushedAt": manifest.pushed,
            "imageManifestMediaType": manifest.media_type,
        }
        if _is_scanned(request.region, name):
            detail["imageScanStatus"] = {"status": "COMPLETE"}
            detail["imageScanFindingsSummary"] = {"findingSeverityCounts": {}}
        details.append({key: value for key, value in detail.items() if value != []})
    return _paged(details, request, "imageDetails")


@operation("ecr", "ListImages")
def list_images(world: World, request: Request) -> dict[str, Any]:
    tags = world.images.tags(_repository(request))
    found = [{"imageDigest": digest, "imageTag": tag} for tag, digest in tags.items()]
    return _paged(found, request, "imageIds")


@operation("ecr", "BatchDeleteImage")
def batch_delete_image(world: World, request: Request) -> dict[str, Any]:
    name, deleted, failures = _repository(request), [], []
    for image in request.parameters["imageIds"]:
        manifest = _manifest(world, name, image)
        if manifest is None:
            reason = "Requested image not found"
            failures.append({"imageId": image, "failureCode": "ImageNotFound", "failureReason": reason})
            continue
        world.images.delete(name, manifest.digest, image.get("imageTag"))
        deleted.append(image | {"imageDigest": manifest.digest})
    return {"imageIds": deleted, "failures": failures}


@operation("ecr", "GetDownloadUrlForLayer")
def get_download_url(world: World, request: Request) -> dict[str, Any]:
    name, digest = _repository(request), request.parameters["layerDigest"]
    if world.images.blob(name, digest) is None:
        raise Refusal("LayersNotFoundException", f"The layer {digest} does not exist in repository '{name}'.")
    host = request.environ["HTTP_HOST"]
    return {"downloadUrl": f"http://{host}{BLOBS}{name}/{digest}", "layerDigest": digest}


@operation("ecr", "DeleteRepository")
def delete_repository(world: World, request: Request) -> dict[str, Any]:
    name = _repository(request)
    digests = set(world.images.tags(name).values())
    if digests and not request.parameters.get("force"):
        raise Refusal(
            "RepositoryNotEmptyException",
            f"The repository with name '{name}' in registry with id '{ACCOUNT}' cannot be deleted because it "
            "still contains images",
        )
    for digest in digests:
        world.images.delete(name, digest)
    deleted = ecr_backends[ACCOUNT][request.region].delete_repository(name, force=True)
    return {
        "repository": {
            "repositoryArn": deleted.arn,
            "registryId": ACCOUNT,
            "repositoryName": name,
            "repositoryUri": deleted.uri,
        }
    }


@operation("ecr", "DescribeImageScanFindings")
def describe_scan(world: World, request: Request) -> dict[str, Any]:
    name = _repository(request)
    manifest = _found(world, name, request.parameters["imageId"])
    if not _is_scanned(request.region, name):
        raise Refusal(
            "ScanNotFoundException", f"Image scan does not exist for the image in repository '{name}'"
        )
    return {
        "registryId": ACCOUNT,
        "repositoryName": name,
        "imageId": {"imageDigest": manifest.digest},
        "imageScanStatus": {"status": "COMPLETE"},
        "imageScanFindings": {"findings": [], "findingSeverityCounts": {}},
    }


def ensure_repository(region: str, name: str) -> None:
    """Create a repository if it does not exist."""
    backend = ecr_backends[ACCOUNT][region]
    if name not in backend.repositories:
        backend.create_repository(name, None, {}, None, "MUTABLE", [])


def _is_scanned(region: str, name: str) -> bool:
    scanning: Any = ecr_backends[ACCOUNT][region].repositories[name].image_scanning_configuration
    return bool(scanning.get("scanOnPush"))


def image_fault(world: World, image: str) -> str | None:
    """Return why SageMaker rejects an image: no repository, no such image, or a wrong manifest."""
    parts = IMAGE.fullmatch(image)
    if parts is None or parts["account"] != ACCOUNT:
        return fault_of(world.images, image, ACCOUNT)
    if parts["repository"] not in ecr_backends[ACCOUNT][parts["region"]].repositories:
        return f"Requested image {image} not found."
    return fault_of(world.images, image, ACCOUNT)


def _repository(request: Request) -> str:
    name: str = request.parameters["repositoryName"]
    registry = request.parameters.get("registryId", ACCOUNT)
    if registry != ACCOUNT or name not in ecr_backends[ACCOUNT][request.region].repositories:
        raise Refusal(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id '{registry}'",
        )
    return name


def _manifest(world: World, name: str, image: dict[str, str]) -> Manifest | None:
    return world.images.manifest(name, image.get("imageDigest") or image["imageTag"])


def _found(world: World, name: str, image: dict[str, str]) -> Manifest:
    manifest = _manifest(world, name, image)
    if manifest is None:
        digest, tag = image.get("imageDigest", "null"), image.get("imageTag", "null")
        raise Refusal(
            "ImageNotFoundException",
            f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the "
            f"repository with name '{name}' in the registry with id '{ACCOUNT}'",
        )
    return manifest


def _tags_by_digest(world: World, name: str) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = defaultdict(list)
    for tag, digest in world.images.tags(name).items():
        tags[digest].append(tag)
    return tags


def _paged(found: list[dict[str, Any]], request: Request, key: str) -> dict[str, Any]:
    size = request.parameters.get("maxResults", PAGE)
    items, token = page(found, request.parameters.get("nextToken"), size, "InvalidParameterException")
    return {key: items, **({"nextToken": token} if token else {})}
