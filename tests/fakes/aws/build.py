"""One build of CodeBuild: its source, its permissions, its phases and its log."""

import io
import os
import shutil
import tempfile
import threading
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any

from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

from tests.fakes.aws import buildspec, permissions
from tests.fakes.aws.resources import now
from tests.fakes.aws.wire import ACCOUNT, Request
from tests.fakes.aws.world import World


class Build:
    """One build: its description in the format of BatchGetBuilds, and the thread that runs it."""

    def __init__(self, world: World, request: Request, project: dict[str, Any], number: int) -> None:
        parameters, key = request.parameters, str(uuid.uuid4())
        name = project["name"]
        group = f"/aws/codebuild/{name}"
        self.world, self.region, self.project = world, request.region, project
        overrides = {v["name"]: v for v in parameters.get("environmentVariablesOverride", [])}
        variables = {v["name"]: v for v in project["environment"].get("environmentVariables", [])} | overrides
        self.environment = project["environment"] | {"environmentVariables": list(variables.values())}
        location = parameters.get("sourceLocationOverride", project["source"]["location"])
        self.source = project["source"] | {"location": location}
        if "buildspecOverride" in parameters:
            self.source["buildspec"] = parameters["buildspecOverride"]
        self.access_key = f"ASIA{key.replace('-', '').upper()[:16]}"
        self.home = Path()
        self.stopped = threading.Event()
        self.shell: buildspec.Shell | None = None
        self.described: dict[str, Any] = {
            "id": f"{name}:{key}",
            "arn": request.arn("codebuild", f"build/{name}:{key}"),
            "buildNumber": number,
            "startTime": now(),
            "currentPhase": "SUBMITTED",
            "buildStatus": "IN_PROGRESS",
            "projectName": name,
            "phases": [],
            "source": self.source,
            "environment": self.environment,
            "serviceRole": project["serviceRole"],
            "logs": {"groupName": group, "streamName": key},
            "timeoutInMinutes": parameters.get("timeoutInMinutesOverride", project["timeoutInMinutes"]),
            "buildComplete": False,
            "initiator": "developer",
        }

    def start(self) -> None:
        """Start in the background."""
        threading.Thread(target=self._carry_out, daemon=True).start()

    def stop(self) -> None:
        """Stop the build."""
        self.stopped.set()
        if self.shell:
            self.shell.close()

    def log(self, line: str) -> None:
        """Write a line to the build's log."""
        logs = self.described["logs"]
        moment = int(time.time() * 1000)
        self.world.log(self.region, logs["groupName"], logs["streamName"], [(moment, line)])

    def _carry_out(self) -> None:
        root = Path(tempfile.mkdtemp(prefix="codebuild-"))
        folder, self.home = root / "src", root / "home"
        folder.mkdir()
        self.home.mkdir()
        self.world.sessions[self.access_key] = role_policies(self.project["serviceRole"])
        failure: str | None = None
        try:
            for phase in ("SUBMITTED", "QUEUED", "PROVISIONING"):
                self._begin(phase)
                if phase == "PROVISIONING":
                    failure = self._denied_logs()
                self._end(failure)
            if failure is None:
                self._begin("DOWNLOAD_SOURCE")
                failure = self._download(folder)
                self._end(failure)
            if failure is None:
                failure = self._run_phases(folder)
        finally:
            self._finish(failure)
            self.world.sessions.pop(self.access_key, None)
            shutil.rmtree(root, ignore_errors=True)

    def _denied_logs(self) -> str | None:
        logs = self.described["logs"]
        group = f"arn:aws:logs:{self.region}:{ACCOUNT}:log-group:{logs['groupName']}"
        for action in ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"):
            resources = (group, f"{group}:*", f"{group}:log-stream:{logs['streamName']}")
            if not any(self._may(action, resource) for resource in resources):
                role = self.project["serviceRole"]
                return (
                    f"ACCESS_DENIED: Service role {role} does not allow AWS CodeBuild to create Amazon "
                    f"CloudWatch Logs log streams for build {self.described['arn']}: {action}"
                )
        return None

    def _may(self, action: str, resource: str) -> bool:
        need = permissions.Need(action, resource, {"aws:RequestedRegion": self.region})
        return permissions.allows(self.world.sessions[self.access_key], need)

    def _download(self, folder: Path) -> str | None:
        bucket, _, key = self.source["location"].partition("/")
        if not self._may("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"):
            return f"CLIENT_ERROR: error while downloading key {key}, error: AccessDenied for primary source"
        store = s3_backends[ACCOUNT]["aws"]
        found = store.get_object(bucket, key) if bucket in store.buckets else None
        if found is None:
            return f"CLIENT_ERROR: error while downloading key {key}, error: NoSuchKey for primary source"
        with zipfile.ZipFile(io.BytesIO(found.value)) as archive:
            for entry in archive.infolist():
                path = Path(archive.extract(entry, folder))
                if mode := entry.external_attr >> 16 & 0o777:
                    path.chmod(mode)
        return None

    def _run_phases(self, folder: Path) -> str | None:
        named = self.source.get("buildspec", "buildspec.yml")
        try:
            inline = "\n" in named
            spec = buildspec.parse(named if inline else (folder / named).read_text())
        except OSError:
            return f"YAML_FILE_ERROR: {named}: no such file or directory"
        except buildspec.BuildspecError as error:
            return str(error)
        limit = time.monotonic() + self.described["timeoutInMinutes"] * 60
        environment = self._variables(spec, folder)
        program = spec.get("env", {}).get("shell", "sh")
        self.shell = buildspec.Shell(program, folder, self.home.parent, environment, self.log, limit)
        failure = None
        try:
            for phase, outcome in buildspec.run(spec, self.shell):
                if outcome is None:
                    self._begin(phase.upper())
                    continue
                self._end(f"COMMAND_EXECUTION_ERROR: {outcome}" if outcome else None)
                failure = failure or outcome or None
        finally:
            self.shell.close()
        return failure

    def _variables(self, spec: dict[str, Any], folder: Path) -> dict[str, str]:
        declared = {v["name"]: v["value"] for v in self.environment["environmentVariables"]}
        own = {name: str(value) for name, value in spec.get("env", {}).get("variables", {}).items()}
        machine = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}
        machine |= self.world.settings.build_environment
        if not self.environment.get("privilegedMode"):
            machine["DOCKER_HOST"] = "unix:///no-docker-without-privileged-mode.sock"
        return {
            **machine,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "CODEBUILD_BUILD_ID": self.described["id"],
            "CODEBUILD_BUILD_ARN": self.described["arn"],
            "CODEBUILD_SRC_DIR": str(folder),
            "CODEBUILD_CI": "true",
            **own,
            **declared,
        }

    def _begin(self, phase: str) -> None:
        with self.world.lock:
            self.described["currentPhase"] = phase
            self.described["phases"].append({"phaseType": phase, "startTime": now()})

    def _end(self, failure: str | None) -> None:
        with self.world.lock:
            phase = self.described["phases"][-1]
            phase["phaseStatus"] = "FAILED" if failure else "SUCCEEDED"
            phase["endTime"] = now()
            phase["durationInSeconds"] = int((phase["endTime"] - phase["startTime"]).total_seconds())
            if failure:
                code, _, message = failure.partition(": ")
                phase["contexts"] = [{"statusCode": code, "message": message}]

    def _finish(self, failure: str | None) -> None:
        for phase in ("FINALIZING", "COMPLETED"):
            self._begin(phase)
            if phase == "FINALIZING":
                self._end(None)
        with self.world.lock:
            status = "STOPPED" if self.stopped.is_set() else "FAILED" if failure else "SUCCEEDED"
            self.described |= {"buildStatus": status, "endTime": now(), "buildComplete": True}


def role_policies(arn: str) -> list[dict[str, Any]]:
    """Return the documents of the inline and attached policies of a role."""
    name = arn.rsplit("/", 1)[-1]
    iam = iam_backends[ACCOUNT]["aws"]
    role = next((role for role in iam.roles.values() if role.name == name), None)
    if role is None:
        return []
    documents = list(role.policies.values())
    versions = [version for policy in role.managed_policies.values() for version in policy.versions]
    documents += [version.document for version in versions if version.is_default_version]
    return [permissions.load(document) for document in documents]
