# Part of the library: `copier update` replaces this file.
"""The deployed model as a server: do/test runs a batch transform job for each request."""

import tempfile
from pathlib import Path

from lifecycle.aws import Aws
from lifecycle.console import log
from lifecycle.project import USAGE, Failure
from lifecycle.transform import cost, data, work
from lifecycle.transform.specification import Data
from lifecycle.transform.target import Target
from lifecycle.transport import Access, Answer, Server


def server(settings: Target, verb: str = "test") -> Server:
    """Return the project's model."""
    return Jobs(settings, Aws(settings, verb))


def usd_per_hour(settings: Target) -> float:
    """Return the US dollars per hour of a running job, 0 if the price is unknown."""
    return settings.usd_per_hour * settings.instance_count


class Jobs(Server):
    """The project's model, whose requests are jobs. Each takes some minutes, most of them to start."""

    def __init__(self, settings: Target, aws: Aws) -> None:
        super().__init__("", f"model of {settings.project_name}")
        self._settings, self._aws, self._model = settings, aws, ""

    def ping(self) -> Answer:
        """Find the model. Raise Failure if there is none."""
        self._settings = work.ready(self._settings, self._aws)
        self._model = work.model(self._settings, self._aws).name
        log(f"each request is a batch transform job: {cost.summary(self._settings)}")
        return Answer(200, b"{}")

    def invoke(self, body: bytes, content_type: str, attributes: str = "") -> Answer:
        """Run a job with a body as its only file, and return the content of its output."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "request"
            file.write_bytes(body)
            source = data.address(self._settings, file)
            data.upload(self._settings, self._aws, file, source)
        ended = work.run(self._settings, self._aws, self._model, Data(source, content_type, split=False))
        lines = [line for uri in ended.outputs for line in data.read(self._settings, self._aws, uri)]
        return Answer(200, b"".join(lines))

    def access(self) -> Access:
        """Raise Failure (usage): there is no address that a load generator could use."""
        what, seen = "there is no endpoint to measure", "this project runs batch transform jobs"
        raise Failure(USAGE, "no-endpoint", what, seen, "do/benchmark measures a server on this machine")
