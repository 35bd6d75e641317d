"""Start a fake AWS on this machine, set its faults, and read its recorded calls."""

import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import Any

import boto3
import botocore.config
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from tests.fakes.aws import (
    account,
    autoscaling,
    codebuild,
    components,
    ecr,
    endpoints,
    hyperpod,
    invocations,
    models,
    openai_path,
    transforms,
)
from tests.fakes.aws.calls import Call, Fault, Kind, Recorder
from tests.fakes.aws.containers import LightRunner, Runner
from tests.fakes.aws.gateway import Gateway
from tests.fakes.aws.images import ImageStore, MemoryStore
from tests.fakes.aws.permissions import load
from tests.fakes.aws.settings import Settings
from tests.fakes.aws.world import World

# These modules register their operations when they are imported.
OPERATIONS_OF = (
    account,
    autoscaling,
    codebuild,
    components,
    ecr,
    endpoints,
    hyperpod,
    invocations,
    models,
    openai_path,
    transforms,
)
REGION = "us-east-1"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"  # the examples in the AWS documentation
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


class _Handler(MotoRequestHandler):
    disable_nagle_algorithm = True  # otherwise each response waits 40 ms

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the recorder has the calls."""

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
        """Stop reading from a connection that a fault has cut."""
        self.close_connection = True


class FakeAws:
    """A fake AWS in a thread of this process. `runner` runs containers, `images` stores pushed images."""

    def __init__(self, runner: Runner | None = None, images: ImageStore | None = None) -> None:
        self._runner, self._images = runner, images
        self._session = boto3.session.Session()  # shared, because it caches the service models
        self._recorder = Recorder()
        self.world = World(runner, images)
        self._gateway = Gateway(self.world, self._recorder)
        self._server: BaseWSGIServer | None = None
        self._clients: dict[tuple[str, str, str], Any] = {}

    def start(self) -> None:
        """Listen on a free port of the loopback interface."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = make_server("127.0.0.1", 0, self._gateway, threaded=True, request_handler=_Handler)
        self._equip()
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def stop(self) -> None:
        """Stop listening, and stop all containers."""
        self._recorder.clear()
        self.world.stop()
        self.world.wait_until_stopped()
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def reset(self) -> None:
        """Reset resources, calls, faults, settings and policies."""
        self._recorder.clear()
        self.world.stop()
        moto_api_backend.reset()
        self.world = World(self._runner, self._images)
        self._gateway.world = self.world
        self._equip()

    def _equip(self) -> None:
        self.settings.build_environment["AWS_ENDPOINT_URL"] = self.url
        self.world.secrets[ACCESS_KEY] = SECRET_KEY

    @property
    def url(self) -> str:
        """Return the address."""
        assert self._server is not None, "start() it first"
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def settings(self) -> Settings:
        """Return the settings, which tests can change."""
        return self.world.settings

    @property
    def light(self) -> LightRunner:
        """Return the runner of light containers, which tests can configure."""
        return self.world.light

    @property
    def calls(self) -> list[Call]:
        """Return the calls since the last reset, in order."""
        return list(self._recorder.calls)

    @property
    def mutations(self) -> list[Call]:
        """Return the calls that change something and were executed."""
        return [call for call in self.calls if call.mutating and call.executed]

    def forget_calls(self) -> None:
        """Reset calls and faults; keep the resources."""
        self._recorder.clear()

    def fault(
        self, kind: Kind, service: str | None = None, operation: str | None = None, **details: Any
    ) -> Fault:
        """Add a fault for the nth matching call and return it: `struck` counts its failures."""
        fault = Fault(kind, service, operation, **details)
        self._recorder.faults.append(fault)
        return fault

    def push(self, repository: str, tag: str, region: str = REGION, **details: str) -> str:
        """Add an image and its repository to ECR without a container engine, and return its digest."""
        assert isinstance(self.world.images, MemoryStore), "what a registry holds is pushed by an engine"
        ecr.ensure_repository(region, repository)
        return self.world.images.push(repository, tag, **details)

    def enforce(self, *policies: "str | dict[str, Any] | Path") -> None:
        """Allow only the actions in these policy documents; without documents, allow everything."""
        texts = (policy.read_text() if isinstance(policy, Path) else policy for policy in policies)
        self.world.policies = [load(text) for text in texts] or None

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a command that uses this AWS: no other credentials, no profile."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_DEFAULT_REGION": REGION,
            **more,
        }

    def boto3_client(self, service: str, region: str = REGION, **options: Any) -> Any:
        """Return a boto3 client of this AWS, which does not retry by default; shared without options."""
        kind = (service, region, self.url)
        if not options and kind in self._clients:
            return self._clients[kind]
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
        config = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=5)
        clients: Any = self._session
        made = clients.client(service, region, endpoint_url=self.url, **{"config": config, **keys, **options})
        if not options:
            self._clients[kind] = made
        return made

    def resources(self) -> list[str]:
        """Return the ARNs of all resources in all Regions, [] for a clean account."""
        return sorted(self.world.inventory())


def main() -> None:
    """Serve until interrupted, to try commands by hand; print the variables to export."""
    aws = FakeAws()
    aws.start()
    names = [name for name in aws.environment() if name.startswith("AWS_")]
    for name in names:
        print(f"export {name}={aws.environment()[name]}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    aws.stop()


if __name__ == "__main__":
    main()
