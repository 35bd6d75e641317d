"""The fake AWS with real parts: an image is pushed to a registry, pulled and invoked."""

import base64
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.aws.images import DOCKER_MANIFEST
from tests.fakes.aws.registry_store import HOST
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.builds import log_of, project
from tests.lifecycle.deployment import Deployment, invoke, settled

DOCKERFILE = """FROM python:3.12-slim
COPY server.py /server.py
ENTRYPOINT ["python", "/server.py"]
"""
SERVER = """
import http.server, os, pathlib, sys, threading

if sys.argv[1:] != ["serve"]:
    sys.exit("started without serve")
print("starting as", os.environ.get("NAME"), flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, b"ok")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        model = pathlib.Path("/opt/ml/model/weights")
        if body == b"wrong":
            self.answer(400, b"wrong input")
        elif body == b"stream":
            self.send_response(200)
            self.end_headers()
            for part in (b"one ", b"two"):
                self.wfile.write(part)
                self.wfile.flush()
        else:
            self.answer(200, body.upper() + (model.read_bytes() if model.exists() else b""))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("", 8080), Handler)
import signal
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
"""


@pytest.fixture
def docker(real_aws: FakeAws, engine: dict[str, str], tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs docker, logged in to the fake ECR with its token."""
    environment = engine | {"DOCKER_CONFIG": str(tmp_path / "docker"), "DOCKER_BUILDKIT": "0"}

    def run(*arguments: str, stdin: str | None = None) -> str:
        answer = subprocess.run(
            ["docker", *arguments], env=environment, input=stdin, capture_output=True, text=True, timeout=300
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    data = real_aws.boto3_client("ecr").get_authorization_token()["authorizationData"][0]
    user, password = base64.b64decode(data["authorizationToken"]).decode().split(":", 1)
    run("login", "--username", user, "--password-stdin", data["proxyEndpoint"], stdin=password)
    return run


@pytest.fixture
def image(real_aws: FakeAws, docker: Callable[..., str], tmp_path: Path) -> Iterator[str]:
    """Return a built and pushed image."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / "server.py").write_text(SERVER)
    name = f"{HOST}/fake-check:v1"
    real_aws.boto3_client("ecr").create_repository(repositoryName="fake-check")
    docker("build", "--tag", name, str(context))
    docker("push", name)
    docker("rmi", name)
    yield name
    real_aws.boto3_client("ecr").delete_repository(repositoryName="fake-check", force=True)


def test_a_pushed_image_is_known_run_and_called(real_aws: FakeAws, image: str) -> None:
    ecr = real_aws.boto3_client("ecr")
    which: dict[str, Any] = {"repositoryName": "fake-check", "imageIds": [{"imageTag": "v1"}]}
    detail = ecr.describe_images(**which)["imageDetails"][0]
    assert detail["imageManifestMediaType"] == DOCKER_MANIFEST and detail["imageSizeInBytes"] > 1_000_000
    manifest = json.loads(ecr.batch_get_image(**which)["images"][0]["imageManifest"])
    assert real_aws.world.images.blob("fake-check", manifest["config"]["digest"])

    real_aws.boto3_client("s3").create_bucket(Bucket="models")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("weights")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"+w1"))
    real_aws.boto3_client("s3").put_object(Bucket="models", Key="m.tar.gz", Body=packed.getvalue())

    deployment = Deployment(real_aws)
    deployment.config()
    deployment.endpoint()
    container = {"Image": image, "Environment": {"NAME": "demo"}, "ArtifactUrl": "s3://models/m.tar.gz"}
    deployment.component(Container=container)
    assert settled(lambda: deployment.described()["InferenceComponentStatus"]) == "InService", (
        deployment.described()
    )
    resolved = deployment.described()["Specification"]["Container"]["DeployedImage"]["ResolvedImage"]
    assert resolved.endswith(detail["imageDigest"])
    assert invoke(real_aws, b"hello")["Body"].read() == b"HELLO+w1"
    with pytest.raises(ClientError, match="wrong input"):
        invoke(real_aws, b"wrong")
    stream = real_aws.boto3_client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName="endpoint", InferenceComponentName="component", Body=b"stream"
    )
    assert b"".join(event["PayloadPart"]["Bytes"] for event in stream["Body"]) == b"one two"
    logs = real_aws.boto3_client("logs")
    events = logs.filter_log_events(logGroupName="/aws/sagemaker/InferenceComponents/component")["events"]
    assert "starting as demo" in [event["message"] for event in events]
    deployment.sagemaker.delete_inference_component(InferenceComponentName="component")
    assert deployment.component_settled() == "Gone"


def test_an_image_that_ends_at_once_fails_the_component(
    real_aws: FakeAws, image: str, docker: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "context" / "server.py").write_text("import sys; sys.exit('no model here')")
    broken = image.replace(":v1", ":broken")
    docker("build", "--tag", broken, str(tmp_path / "context"))
    docker("push", broken)
    deployment = Deployment(real_aws)
    deployment.config()
    deployment.endpoint()
    deployment.component(Container={"Image": broken})
    assert deployment.component_settled() == "Failed"
    assert "ping health check" in deployment.described()["FailureReason"]
    logs = real_aws.boto3_client("logs")
    events = logs.filter_log_events(logGroupName="/aws/sagemaker/InferenceComponents/component")["events"]
    assert "no model here" in [event["message"] for event in events]


BUILDSPEC = f"""version: 0.2
env:
  variables:
    IMAGE: {HOST}/fake-check:built
phases:
  pre_build:
    commands:
      - aws ecr get-login-password | docker login --username AWS --password-stdin {HOST}
  build:
    commands:
      - docker build --tag "$IMAGE" .
  post_build:
    commands:
      - docker push "$IMAGE"
"""
LOGS = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
SOURCE = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::sources/*"}
TOKEN = {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}


@pytest.mark.parametrize(
    ("rights", "ended"), [([LOGS, SOURCE, TOKEN], "SUCCEEDED"), ([LOGS, SOURCE], "FAILED")]
)
def test_a_build_pushes_an_image_with_the_rights_of_its_role(
    real_aws: FakeAws, rights: list[Any], ended: str
) -> None:
    ecr = real_aws.boto3_client("ecr")
    ecr.create_repository(repositoryName="fake-check")
    files = {"buildspec.yml": BUILDSPEC, "Dockerfile": DOCKERFILE, "server.py": SERVER}
    build = project(real_aws, files, rights)()
    assert build["buildStatus"] == ended, log_of(real_aws, build)
    pushed = [image["imageTag"] for image in ecr.list_images(repositoryName="fake-check")["imageIds"]]
    assert pushed == (["built"] if ended == "SUCCEEDED" else [])
    ecr.delete_repository(repositoryName="fake-check", force=True)
