# Part of the library: `copier update` replaces this file.
"""Build the image in AWS CodeBuild, push it to Amazon ECR, and verify the pushed image."""

import argparse
import hashlib
import tempfile
from typing import Any

from lifecycle import chosen, journal, links, registry
from lifecycle.aws import Aws
from lifecycle.codebuild import builder, source
from lifecycle.console import Progress, duration, log
from lifecycle.explain import explained
from lifecycle.project import PROJECT, REFUSED, TIMED_OUT, Config, Failure, Result, plain
from lifecycle.push import verified
from lifecycle.resources import SOURCE_PREFIX
from lifecycle.served import local

LAST_LINES = 200
LONGEST = 300  # characters of a phase's message


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/submit."""
    parser.add_argument(
        "--compute-type", default=chosen.COMPUTE_TYPE, help="CodeBuild compute type (%(default)s)"
    )


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Upload the source to CodeBuild and follow the build."""
    local.prepare_build()
    links.refuse_in_source("the source was not uploaded")
    aws = Aws(settings, "submit")
    image = registry.address(settings, aws)
    environment = {"computeType": arguments.compute_type, "image": chosen.BUILD_IMAGE}
    with journal.locked("submit"):
        role = builder.role_arn(settings, aws)
        registry.ensure(settings, aws)
        with tempfile.TemporaryFile() as archive:
            source.write_archive(PROJECT, archive)
            archive.seek(0)
            tag = hashlib.sha256(archive.read()).hexdigest()[:12]
            archive.seek(0)
            location = builder.upload(settings, aws, f"{SOURCE_PREFIX}{tag}.zip", archive)
        builder.ensure_project(
            settings, aws, builder.project_request(settings, role, location, image, environment, aws.tags)
        )
        build = aws.call(
            "codebuild",
            "start_build",
            projectName=settings.project_name,
            environmentVariablesOverride=[{"name": "TAG", "value": tag}],
        )["build"]["id"]
    log(f"started build {build}")
    try:
        lines = follow(settings, aws, build)
    except KeyboardInterrupt:
        log(f"the build continues in AWS and incurs charges; to stop it: {_stop(aws, build)}")
        raise
    pushed = verified(settings, aws, tag)
    result = {"build": build, "image": pushed.uri, "tags": [tag, "latest"], "platform": pushed.platform}
    return {**result, "media_type": pushed.media_type, "lines": len(lines), "text": pushed.uri}


def follow(settings: Config, aws: Aws, build: str) -> list[str]:
    """Show phases and log of a build until it ends; return the last lines. Raise Failure if it fails."""
    progress = Progress("build", builder.BUILD_MINUTES * 60 + 600)
    build_log, shown, lines = BuildLog(aws), 0, list[str]()
    while True:
        state = aws.call("codebuild", "batch_get_builds", ids=[build])["builds"][0]
        for line in build_log.new(state.get("logs", {})):
            progress.line(line)
            lines = [*lines, line][-LAST_LINES:]
        ended = [phase for phase in state.get("phases", []) if "phaseStatus" in phase]
        for phase in ended[shown:]:
            seconds = duration(phase.get("durationInSeconds", 0))
            progress.line(f"{phase['phaseType']} {phase['phaseStatus']} in {seconds}")
        shown = len(ended)
        status = state["buildStatus"]
        if status != "IN_PROGRESS":
            break
        if progress.elapsed > progress.limit:
            seen, next_step = f"{build} is still in phase {state['currentPhase']}", _stop(aws, build)
            raise Failure(TIMED_OUT, "build-timeout", "timed out waiting for the build", seen, next_step)
        progress.show(state["currentPhase"].lower())
        progress.sleep(settings.poll_seconds)
    progress.end(status.lower())
    if status != "SUCCEEDED":
        raise _failure(build, ended, lines)
    return lines


class BuildLog:
    """The log of a build, which is read while it grows."""

    def __init__(self, aws: Aws) -> None:
        self._aws, self._token = aws, dict[str, str]()

    def new(self, place: dict[str, Any]) -> list[str]:
        """Return the lines since the last call; `place` is the location of the log from CodeBuild."""
        lines: list[str] = []
        if "streamName" not in place:
            return lines
        names = {"logGroupName": place["groupName"], "logStreamName": place["streamName"]}
        while found := self._aws.find("logs", "get_log_events", startFromHead=True, **names, **self._token):
            lines += [plain(event["message"]).rstrip() for event in found["events"]]
            before, self._token = self._token, {"nextToken": found["nextForwardToken"]}
            if self._token == before or not found["events"]:
                break
        return lines


def _failure(build: str, phases: list[dict[str, Any]], lines: list[str]) -> Failure:
    failed = next((phase for phase in phases if phase["phaseStatus"] not in ("SUCCEEDED", "STOPPED")), None)
    if failed is None:
        what = f"the build {build} was stopped"
        return Failure(REFUSED, "build-stopped", what, "no phase failed", "do/submit")
    reported = " ".join(
        "; ".join(context.get("message", "") for context in failed.get("contexts", [])).split()
    )
    cause, next_step = explained(
        "\n".join([*lines, reported]), "fix the error in the log above, then run do/submit"
    )
    seen = f"phase {failed['phaseType']} {failed['phaseStatus']}: {reported[-LONGEST:]}"
    return Failure(REFUSED, "build-failed", f"the build {build} failed", seen, next_step, cause)


def _stop(aws: Aws, build: str) -> str:
    return f"aws codebuild stop-build --region {aws.region} --id {build}"
