"""The image that was pushed, as the nodes of a cluster can pull it: by digest."""

from lifecycle import registry
from lifecycle.aws import Aws
from lifecycle.project import PRECONDITION, Config, Failure


def pushed(aws: Aws, settings: Config) -> str:
    """Return the pushed image with its digest. Raises Failure without one that suits the nodes."""
    image = registry.image(settings, aws)
    if image is None:
        what = "the image has not been pushed"
        seen = f"no {settings.image} in the registry of {aws.region}"
        raise Failure(PRECONDITION, "no-pushed-image", what, seen, "do/build, then do/push")
    if problem := image.problem(settings):
        raise problem
    return image.uri
