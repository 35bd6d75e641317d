# Part of the library: `copier update` replaces this file.
"""Bring the image to Amazon ECR, and check what arrived there."""

import argparse
import subprocess
import sys

from lifecycle import engine, journal, registry
from lifecycle.aws import Aws
from lifecycle.console import say
from lifecycle.explain import explained
from lifecycle.project import DEFECT, PRECONDITION, REFUSED, Config, Failure, Result

LAST_LINES = 40


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/push."""
    engine.add_option(parser)


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Push the image under a tag of its content and as latest."""
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
    """Return the image that was pushed. Raises Failure (verification) when it cannot be deployed."""
    pushed = registry.image(settings, aws, tag)
    if pushed is None:
        what, seen = "the pushed image is not there", f"{settings.project_name} has no tag {tag}"
        raise Failure(REFUSED, "not-pushed", what, seen, "do/push")
    if problem := pushed.problem(settings):
        raise problem
    say(f"checked: {pushed.media_type}, {pushed.platform}")
    return pushed


def _push(program: str, image: str, target: str) -> None:
    if subprocess.run([program, "tag", image, target]).returncode:
        raise Failure(DEFECT, "tag-failed", f"{image} cannot be tagged", target, "do/build")
    say(f"pushing {target}")
    command = [program, "push", target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        lines: list[str] = []
        for line in process.stdout or ():
            print(line, end="", file=sys.stderr, flush=True)
            lines = [*lines, line.rstrip()][-LAST_LINES:]
    if process.returncode:
        cause, remedy = explained("\n".join(lines), "read the lines above, then do/push again")
        what, seen = f"{target} was not pushed", (lines or ["nothing was said"])[-1]
        raise Failure(REFUSED, "push-failed", what, seen, remedy, cause)
