"""Check this machine, the settings and the account; change nothing."""

import argparse
import json
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import replace

from lifecycle import engine, project, registry, target_checks
from lifecycle.aws import Aws
from lifecycle.cli import Result
from lifecycle.policies import policy
from lifecycle.project import ERROR, NOT_CHECKED, OK, PROJECT, WARNING, Config, Failure, Finding, finding
from lifecycle.target import Target

FREE_GB = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/doctor."""
    engine.add_option(parser)
    parser.add_argument("--offline", action="store_true", help="without AWS")
    parser.add_argument("--policy", metavar="NAME", help="print the policy of a command or role")
    parser.add_argument("--account", help="the account to fill in, when there are no credentials")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return what was found; a finding of severity error is a missing precondition."""
    brief = replace(settings, call_attempts=2)
    if arguments.policy:
        aws = Aws(brief, "doctor", read_only=True)
        account = arguments.account or settings.account or aws.identity["Account"]
        document = policy(arguments.policy, settings, account, aws.partition)
        return {"policy": document, "text": json.dumps(document, indent=2)}
    found = list(of_this_machine(settings, arguments.engine or settings.engine))
    if not arguments.offline:
        found += of_the_account(settings, Aws(brief, "doctor", read_only=True))
    wrong = [check for check in found if check["severity"] != OK]
    code = project.PRECONDITION if any(check["severity"] == ERROR for check in found) else project.DONE
    return {"checks": found, "findings": wrong, "exit_code": code, "text": "\n".join(map(line, found))}


def line(check: Finding) -> str:
    """Return a finding for a person, in a line or a few."""
    lines = [f"{check['severity']:<12} {check['what']}: {check['seen']}"]
    return "\n".join([*lines, *(f"{'':<12} {check[key]}" for key in ("cause", "next") if check.get(key))])


def of_this_machine(settings: Config, wanted: str) -> Iterator[Finding]:
    """Yield what is found without AWS; `wanted` is the container engine to use, "" for any."""
    installer = "uv" if shutil.which("uv") else "pip"
    yield finding("python", OK, "Python", f"{platform.python_version()}, with {installer}")
    yield _disk()
    yield _region(settings)
    try:
        program = engine.find(wanted)
    except Failure as failure:
        elsewhere = (PROJECT / "buildspec.yml").exists()
        yield {**failure.finding, "severity": WARNING if elsewhere else ERROR}
        return
    yield finding("engine", OK, "container engine", f"{program} is running")
    yield _built(settings, program)


def of_the_account(settings: Target, aws: Aws) -> Iterator[Finding]:
    """Yield what is found in AWS: who calls, the image, and what the place it will run at needs."""
    try:
        yield finding("credentials", OK, "credentials", f"{aws.identity['Arn']} in {aws.identity['Account']}")
    except Failure as failure:
        yield failure.finding
    try:
        yield from of_image(settings, registry.image(settings, aws), WARNING)
    except Failure as failure:
        yield _not_checked("pushed-image", "image in ECR", failure)
    yield from of_target(settings, aws)


def of_image(settings: Target, image: registry.Image | None, severity: str) -> Iterator[Finding]:
    """Yield whether the image in ECR can be deployed; `severity` is that of having none."""
    if image is None:
        yield finding("no-image", severity, "there is no image in ECR", settings.image, "do/push")
        return
    problem, seen = image.problem(settings), f"{image.uri}, {image.media_type}, {image.platform}"
    yield problem.finding if problem else finding("pushed-image", OK, "image in ECR", seen)
    yield from target_checks.of_image(settings, image)


def of_target(settings: Target, aws: Aws) -> Iterator[Finding]:
    """Yield what is found of the place where it will run."""
    for name, (what, check) in target_checks.CHECKS.items():
        try:
            yield check(settings, aws)
        except Failure as failure:
            yield _not_checked(name, what, failure)


def _disk() -> Finding:
    """Tell whether images have room."""
    free = shutil.disk_usage(PROJECT).free / 1e9
    if free >= FREE_GB:
        return finding("disk", OK, "disk", f"{free:.0f} GB free")
    remedy = "make room; `docker system prune` removes what the engine no longer needs"
    return finding("disk", WARNING, "there is little room for images", f"{free:.0f} GB free", remedy)


def _region(settings: Config) -> Finding:
    """Tell whether the shell is set to another region than the project."""
    other = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or settings.region
    if other == settings.region:
        return finding("region", OK, "region", settings.region)
    seen = f"{other} in the environment, region = {settings.region} in do/config.toml"
    remedy = "the commands go by do/config.toml; other tools in this shell do not"
    return finding("region", WARNING, "the shell is set to another region", seen, remedy)


def _built(settings: Config, program: str) -> Finding:
    """Tell whether the image was built here, for the instance's processor."""
    try:
        known = engine.inspect(program, settings.image)
    except Failure as failure:
        return {**failure.finding, "severity": WARNING}
    if (seen := f"{known['Os']}/{known['Architecture']}") == settings.platform:
        return finding("image", OK, "image", f"{settings.image}, {seen}")
    what, seen = f"the image is not for {settings.instance_type}", f"{settings.image} is for {seen}"
    return finding("image", ERROR, what, seen, "do/build")


def _not_checked(name: str, what: str, failure: Failure) -> Finding:
    """Return that something cannot be found out with these credentials or this network, and why."""
    return finding(name, NOT_CHECKED, what, failure.finding["seen"], failure.finding["next"])
