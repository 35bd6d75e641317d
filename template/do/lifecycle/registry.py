# Part of the library: `copier update` replaces this file.
"""The project's repository in Amazon ECR and its images."""

import base64
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lifecycle.aws import Aws, tag_list, tags_of
from lifecycle.console import log
from lifecycle.project import POLICY, PRECONDITION, REFUSED, VERIFICATION, Config, Failure

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
HOST = re.compile(r"[0-9]{12}\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
KEPT_IMAGES = 20


@dataclass(frozen=True)
class Image:
    """An image in the repository. `uri` contains the digest, so later pushes do not change it."""

    uri: str
    digest: str
    media_type: str
    platform: str
    environment: dict[str, str]
    size: int  # compressed, in bytes

    def problem(self, settings: Config) -> Failure | None:
        """Return why it cannot be deployed with the settings, or None."""
        if self.media_type != DOCKER_MANIFEST:
            what, seen = "unsupported image manifest type", f"{self.uri} is {self.media_type}"
            cause = "the builder wrote an OCI manifest, or an index with attestations"
            next_step = "do/build and do/push; other builders: oci-mediatypes=false and no provenance"
            return Failure(VERIFICATION, "image-type", what, seen, next_step, cause)
        if self.platform != settings.platform:
            what = f"the image is not for {settings.instance_type}"
            seen = f"{self.uri} is for {self.platform}, platform = {settings.platform} in do/config.toml"
            return Failure(VERIFICATION, "image-platform", what, seen, "do/build, then do/push")
        return None


def image(settings: Config, aws: Aws, tag: str = "latest") -> Image | None:
    """Return the image with a tag, None if there is none. Raise Failure if AWS returns an error."""
    name = settings.project_name
    answer = aws.find("ecr", "batch_get_image", repositoryName=name, imageIds=[{"imageTag": tag}])
    if not answer or not answer["images"]:
        return None
    found = answer["images"][0]
    manifest, digest = json.loads(found["imageManifest"]), found["imageId"]["imageDigest"]
    media_type = found.get("imageManifestMediaType") or manifest["mediaType"]
    config = _blob(settings, aws, manifest["config"]["digest"]) if "config" in manifest else {}
    platform = f"{config['os']}/{config['architecture']}" if "architecture" in config else "several platforms"
    variables = config.get("config", {}).get("Env") or []
    environment = dict(variable.partition("=")[::2] for variable in variables)
    size = sum(layer["size"] for layer in manifest.get("layers", []))
    return Image(f"{address(settings, aws)}@{digest}", digest, media_type, platform, environment, size)


def address(settings: Config, aws: Aws) -> str:
    """Return the address of the repository."""
    suffix = "amazonaws.com.cn" if aws.partition == "aws-cn" else "amazonaws.com"
    return f"{aws.identify().account}.dkr.ecr.{aws.region}.{suffix}/{settings.project_name}"


def ensure(settings: Config, aws: Aws) -> None:
    """Create the repository if it is missing. Raise Failure (policy) if another project owns it."""
    name = settings.project_name
    found = aws.find("ecr", "describe_repositories", repositoryNames=[name])
    if found:
        arn = found["repositories"][0]["repositoryArn"]
        tags = aws.call("ecr", "list_tags_for_resource", resourceArn=arn)["tags"]
        if not settings.owns(tags_of(tags)):
            what, seen = f"the repository {name} is owned by another project", f"its tags are {tags}"
            next_step = f"rename the project, or add the tags {settings.own_tags} to the repository"
            raise Failure(POLICY, "not-ours", what, seen, next_step)
        aws.require_creator(f"the repository {name}", tags_of(tags))
    else:
        log(f"creating the repository {name}")
        request = {"imageScanningConfiguration": {"scanOnPush": True}, "tags": tag_list(aws.tags)}
        aws.call("ecr", "create_repository", repositoryName=name, **request)
    if not aws.find("ecr", "get_lifecycle_policy", repositoryName=name):
        selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": KEPT_IMAGES}
        rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
        text = json.dumps({"rules": [rule]})
        aws.call("ecr", "put_lifecycle_policy", repositoryName=name, lifecyclePolicyText=text)


@contextmanager
def logged_in(settings: Config, verb: str, engine: str, hosts: Iterable[str]) -> Iterator[None]:
    """Log the container engine in to registries of ECR, each in its own Region, and finally out again.

    The token goes through standard input; the container engine stores it until the logout. Raise Failure if
    the login fails.
    """
    entered = []
    try:
        for host in sorted(set(hosts)):
            answer = Aws(settings, verb, region=HOST.sub(r"\1", host)).call("ecr", "get_authorization_token")
            token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).partition(b":")[2]
            command = [engine, "login", "--username", "AWS", "--password-stdin", host]
            done = subprocess.run(command, input=token, capture_output=True)
            output = done.stderr.decode(errors="replace").strip()
            # The credential helper of ECR logs in by itself, and rejects a login with these words.
            if done.returncode and "not implemented" not in output:
                what, next_step = (
                    f"{engine} cannot log in to {host}",
                    f"fix the reported error, then run do/{verb}",
                )
                raise Failure(PRECONDITION, "registry-login", what, output, next_step)
            entered.append(host)
        yield
    finally:
        for host in entered:
            subprocess.run([engine, "logout", host], capture_output=True)


def _blob(settings: Config, aws: Aws, digest: str) -> dict[str, Any]:
    import urllib.request  # slow to import, and not needed for --help

    name = settings.project_name
    found = aws.call("ecr", "get_download_url_for_layer", repositoryName=name, layerDigest=digest)
    try:
        with urllib.request.urlopen(found["downloadUrl"], timeout=settings.call_seconds) as response:
            return dict(json.load(response))
    except (OSError, ValueError) as error:
        what, next_step = "cannot read the configuration of the image", "check the network, then try again"
        raise Failure(REFUSED, "no-image-config", what, f"{digest}: {error}", next_step) from None
