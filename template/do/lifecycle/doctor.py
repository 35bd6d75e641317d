# Part of the library: `copier update` replaces this file.
"""Check this machine, the settings and the account. Change nothing."""

import argparse
import json
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from lifecycle import checks, engine, pin, policies, project, registry
from lifecycle.aws import Aws
from lifecycle.project import (
    ERROR,
    OK,
    PROJECT,
    WARNING,
    Config,
    Failure,
    Finding,
    Result,
    finding,
    write_new,
)
from lifecycle.target import Target, target_checks

FREE_GB = 20
# Modules with checks that only projects with these files have.
OPTIONAL = {"iam/delivery.yml": "lifecycle.pipeline_role", "do/buildspec.yml": "lifecycle.codebuild.builder"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/doctor."""
    engine.add_option(parser)
    parser.add_argument("--offline", action="store_true", help="skip the checks that call AWS")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--policy", metavar="NAME", help="print the IAM policy of a command or role")
    text = "write the IAM policies of all commands and roles to FOLDER, as NAME.json"
    either.add_argument("--policies", metavar="FOLDER", type=Path, help=text)
    parser.add_argument("--force", action="store_true", help="replace files of --policies with other content")
    parser.add_argument("--account", help="account of the policies, if there are no credentials")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the findings; one of severity error is a missing precondition."""
    brief = replace(settings, call_attempts=2)
    if arguments.force and not arguments.policies:
        what, next_step = "--force is an option of --policies", "do/doctor --policies FOLDER --force"
        raise Failure(project.USAGE, "bad-options", what, "--force without --policies", next_step)
    if arguments.policy or arguments.policies:
        return _policies(brief, arguments)
    found = list(of_this_machine(settings, arguments.engine or settings.engine))
    if not arguments.offline:
        found += of_the_account(settings, Aws(brief, "doctor", read_only=True))
    wrong = [check for check in found if check.severity != OK]
    code = project.PRECONDITION if any(check.severity == ERROR for check in found) else project.DONE
    text = "\n".join(map(checks.line, found))
    shown = [check.as_json() for check in found]
    return {"checks": shown, "findings": wrong, "exit_code": code, "text": text}


def _policies(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the policy of --policy, or write those of all commands and roles."""
    aws = Aws(settings, "doctor", read_only=True)
    account = arguments.account or settings.account or aws.identify().account
    if arguments.policy:
        document = policies.policy(arguments.policy, settings, account, aws.partition)
        return {"policy": document, "text": json.dumps(document, indent=2)}
    documents = {name: policies.policy(name, settings, account, aws.partition) for name in policies.names()}
    texts = {name: json.dumps(document, indent=2) + "\n" for name, document in documents.items()}
    files = {arguments.policies / f"{name}.json": text for name, text in texts.items()}
    write_new(files, arguments.force)
    return {"policies": list(map(str, files)), "text": "\n".join(f"wrote {path}" for path in files)}


def of_this_machine(settings: Config, selected: str) -> Iterator[Finding]:
    """Yield the findings without AWS; `selected` is the container engine, "" for any."""
    installer = "uv" if shutil.which("uv") else "pip"
    yield finding("python", OK, "Python", f"{platform.python_version()}, with {installer}")
    yield _disk()
    yield _region(settings)
    from lifecycle.served import local  # it imports the runtime, which only a rendered project has

    yield from local.findings()
    yield from pin.findings()
    try:
        program = engine.find(selected)
    except Failure as failure:
        elsewhere = (PROJECT / "do" / "buildspec.yml").exists()
        yield replace(failure.finding, severity=WARNING if elsewhere else ERROR)
        return
    yield finding("engine", OK, "container engine", f"{program} is running")
    yield _built(settings, program)


def of_the_account(settings: Target, aws: Aws) -> Iterator[Finding]:
    """Yield the findings in AWS: the caller, the image, and the checks of the target."""
    try:
        yield finding("credentials", OK, "credentials", f"{aws.identify().arn} in {aws.identify().account}")
    except Failure as failure:
        yield failure.finding
    try:
        yield from of_image(settings, registry.image(settings, aws), WARNING)
    except Failure as failure:
        yield checks.not_checked("pushed-image", "image in ECR", failure)
    yield from checks.of_target(settings, aws, target_checks.checks_of(settings))
    for file, module in OPTIONAL.items():
        if (PROJECT / file).exists():
            yield from checks.of_target(settings, aws, import_module(module).CHECKS)


def of_image(settings: Target, image: registry.Image | None, severity: str) -> Iterator[Finding]:
    """Yield whether the image in ECR can be deployed; `severity` applies if there is none."""
    yield checks.pushed(settings, image, severity)
    if image is not None:
        yield from target_checks.of_image(settings, image)


def _disk() -> Finding:
    """Return whether there is disk space for images."""
    free = shutil.disk_usage(PROJECT).free / 1e9
    if free >= FREE_GB:
        return finding("disk", OK, "disk", f"{free:.0f} GB free")
    next_step = "free disk space: docker system prune removes unused images"
    return finding("disk", WARNING, "low disk space", f"{free:.0f} GB free", next_step)


def _region(settings: Config) -> Finding:
    """Return whether the shell and the project have the same Region."""
    other = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or settings.region
    if other == settings.region:
        return finding("region", OK, "region", settings.region)
    seen = f"{other} in the environment, region = {settings.region} in do/config.toml"
    next_step = "the commands use do/config.toml; other tools in this shell do not"
    return finding("region", WARNING, "the shell has another Region", seen, next_step)


def _built(settings: Config, program: str) -> Finding:
    """Return whether the image was built here for the processor of the instance."""
    try:
        known = engine.inspect(program, settings.image)
    except Failure as failure:
        return replace(failure.finding, severity=WARNING)
    if (seen := f"{known['Os']}/{known['Architecture']}") == settings.platform:
        return finding("image", OK, "image", f"{settings.image}, {seen}")
    what, seen = f"the image is not for {settings.instance_type}", f"{settings.image} is for {seen}"
    return finding("image", ERROR, what, seen, "do/build")
