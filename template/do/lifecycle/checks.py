"""What can be known before anything is changed: checks of this machine, the settings and the account.

Each returns one finding: id, severity (ok, warning, error or not checked), what, seen and next. None changes
anything, in AWS or here.
"""

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from functools import partial

from lifecycle import engine, registry, target_checks
from lifecycle.aws import Aws
from lifecycle.findings import ERROR, NOT_CHECKED, OK, WARNING, Finding, finding, of_failure
from lifecycle.project import PROJECT, Config, Failure
from lifecycle.target import Target

FREE_GB = 20


def of_this_machine(settings: Config, program: str = "") -> Iterator[Finding]:
    """Yield what is found without AWS; `program` is the container engine to use."""
    installer = "uv" if shutil.which("uv") else "pip"
    yield finding("python", OK, "Python", f"{platform.python_version()}, with {installer}")
    yield disk()
    yield region(settings)
    try:
        program = engine.find(program or settings.engine)
    except Failure as failure:
        elsewhere = (PROJECT / "buildspec.yml").exists()
        yield of_failure(failure, WARNING if elsewhere else ERROR)
        return
    yield finding("engine", OK, "container engine", f"{program} is running")
    yield built(settings, program)


def of_the_account(settings: Target, aws: Aws) -> Iterator[Finding]:
    """Yield what is found in AWS: who calls, the image, and what the place it will run at needs."""
    yield guarded("credentials", "credentials", lambda: credentials(aws))
    try:
        yield from of_image(settings, registry.image(settings, aws), WARNING)
    except Failure as failure:
        yield not_checked("pushed-image", "image in ECR", failure)
    yield from of_target(settings, aws)


def of_image(settings: Target, image: registry.Image | None, severity: str) -> Iterator[Finding]:
    """Yield whether the image in ECR can be deployed; `severity` is that of having none."""
    if image is None:
        yield finding("no-image", severity, "there is no image in ECR", settings.image, "do/push")
        return
    problem, seen = image.problem(settings), f"{image.uri}, {image.media_type}, {image.platform}"
    yield of_failure(problem) if problem else finding("pushed-image", OK, "image in ECR", seen)
    yield from target_checks.of_image(settings, image)


def of_target(settings: Target, aws: Aws) -> Iterator[Finding]:
    """Yield what is found of the place where it will run."""
    for name, (what, check) in target_checks.CHECKS.items():
        yield guarded(name, what, partial(check, settings, aws))


def disk() -> Finding:
    """Tell whether images have room."""
    free = shutil.disk_usage(PROJECT).free / 1e9
    if free >= FREE_GB:
        return finding("disk", OK, "disk", f"{free:.0f} GB free")
    remedy = "make room; `docker system prune` removes what the engine no longer needs"
    return finding("disk", WARNING, "there is little room for images", f"{free:.0f} GB free", remedy)


def region(settings: Config) -> Finding:
    """Tell whether the shell is set to another region than the project."""
    other = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or settings.region
    if other == settings.region:
        return finding("region", OK, "region", settings.region)
    seen = f"{other} in the environment, region = {settings.region} in do/config.toml"
    remedy = "the commands go by do/config.toml; other tools in this shell do not"
    return finding("region", WARNING, "the shell is set to another region", seen, remedy)


def built(settings: Config, program: str) -> Finding:
    """Tell whether the image was built here, for the instance's processor."""
    try:
        known = engine.inspect(program, settings.image)
    except Failure as failure:
        return of_failure(failure, WARNING)
    if (seen := f"{known['Os']}/{known['Architecture']}") == settings.platform:
        return finding("image", OK, "image", f"{settings.image}, {seen}")
    what, seen = f"the image is not for {settings.instance_type}", f"{settings.image} is for {seen}"
    return finding("image", ERROR, what, seen, "do/build")


def credentials(aws: Aws) -> Finding:
    """Tell who calls AWS. Raises Failure without credentials, or when they are of another account."""
    return finding("credentials", OK, "credentials", f"{aws.identity['Arn']} in {aws.identity['Account']}")


def guarded(name: str, what: str, check: Callable[[], Finding]) -> Finding:
    """Return what a check finds, or that it cannot be made with these credentials or this network."""
    try:
        return check()
    except Failure as failure:
        return of_failure(failure) if name == "credentials" else not_checked(name, what, failure)


def not_checked(name: str, what: str, failure: Failure) -> Finding:
    """Return that something could not be found out, and why."""
    return finding(name, NOT_CHECKED, what, failure.finding["seen"], failure.finding["next"])
