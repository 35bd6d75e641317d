"""The image that was pushed, as the nodes of a cluster can pull it: by digest."""

from lifecycle.aws import Aws
from lifecycle.project import PRECONDITION, Config, Failure

TAG = "latest"


def pushed(aws: Aws, settings: Config) -> str:
    """Return the pushed image with its digest. Raises Failure (precondition) when there is none."""
    name = settings.project_name
    found = aws.find("ecr", "describe_repositories", repositoryNames=[name])
    images = found and aws.find("ecr", "describe_images", repositoryName=name, imageIds=[{"imageTag": TAG}])
    if not found or not images:
        what, seen = "the image has not been pushed", f"no {name}:{TAG} in the registry of {aws.region}"
        raise Failure(PRECONDITION, "no-pushed-image", what, seen, "do/build, then do/push")
    return f"{found['repositories'][0]['repositoryUri']}@{images['imageDetails'][0]['imageDigest']}"
