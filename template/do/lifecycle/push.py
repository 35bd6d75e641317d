# Part of the library: `copier update` replaces this file.
"""Push the image to Amazon ECR and verify the pushed image."""

import argparse
import subprocess

from lifecycle import engine, journal, registry
from lifecycle.aws import Aws
from lifecycle.console import log
from lifecycle.explain import explained, followed
from lifecycle.project import INTERNAL_ERROR, PRECONDITION, REFUSED, Config, Failure, Result


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/push."""
    engine.add_option(parser)


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Push the image with a tag of its content and as latest."""
    aws = Aws(settings, "push")
    program = engine.find(arguments.engine or settings.engine)
    built = engine.inspect(program, settings.image)
    if (platform := f"{built['Os']}/{built['Architecture']}") != settings.platform:
        seen = f"{settings.image} is for {platform}, platform = {settings.platform} in do/config.toml"
        what = f"the image is not for {settings.instance_type}"
        raise Failure(PRECONDITION, "image-platform", what, seen, "do/build")
    repository = registry.address(settings, aws)
    tag = built["Id"].removeprefix("sha256:")[:12]
    with journal.locked("push"):
        registry.ensure(settings, aws)
        with registry.logged_in(settings, "push", program, [repository.partition("/")[0]]):
            for name in (tag, "latest"):
                _push(program, settings.image, f"{repository}:{name}")
    pushed = verified(settings, aws, tag)
    result = {"image": pushed.uri, "tags": [tag, "latest"], "platform": pushed.platform}
    return {**result, "media_type": pushed.media_type, "text": pushed.uri}


def verified(settings: Config, aws: Aws, tag: str) -> registry.Image:
    """Return the pushed image. Raise Failure (verification) if it cannot be deployed."""
    pushed = registry.image(settings, aws, tag)
    if pushed is None:
        what, seen = "the pushed image is not in ECR", f"{settings.project_name} has no tag {tag}"
        raise Failure(REFUSED, "not-pushed", what, seen, "do/push")
    if problem := pushed.problem(settings):
        raise problem
    log(f"verified: {pushed.media_type}, {pushed.platform}")
    return pushed


def _push(program: str, image: str, target: str) -> None:
    if subprocess.run([program, "tag", image, target]).returncode:
        raise Failure(INTERNAL_ERROR, "tag-failed", f"{image} cannot be tagged", target, "do/build")
    log(f"pushing {target}")
    code, lines = followed([program, "push", target])
    if code:
        cause, next_step = explained(
            "\n".join(lines), "fix the error in the lines above, then run do/push again"
        )
        what, seen = f"{target} was not pushed", (lines or ["no output"])[-1]
        raise Failure(REFUSED, "push-failed", what, seen, next_step, cause)
