"""What a container says: the log groups that SageMaker writes for an endpoint and its component."""

import time
from collections.abc import Iterator

from lifecycle.aws import Aws, AwsFailure
from lifecycle.target import Target

LAST_LINES = 20


def names(settings: Target) -> list[str]:
    """Return the log groups of the project."""
    kinds = ("InferenceComponents", "Endpoints")
    return [f"/aws/sagemaker/{kind}/{settings.project_name}" for kind in kinds]


class Tail:
    """The lines of the project's containers from a moment on, each given once."""

    def __init__(self, settings: Target, aws: Aws, since: float) -> None:
        self._groups, self._aws = names(settings), aws
        self._since = {group: int(since * 1000) for group in self._groups}
        self._seen: set[str] = set()
        self.last: list[str] = []

    def new(self) -> Iterator[str]:
        """Yield the lines since the last time, oldest first. Raises Failure when AWS refuses."""
        for group in self._groups:
            if group not in self._since:
                continue
            try:
                events = self._aws.pages(
                    "logs", "filter_log_events", "events", logGroupName=group, startTime=self._since[group]
                )
                for event in events:
                    if event["eventId"] not in self._seen:
                        self._seen.add(event["eventId"])
                        self._since[group] = max(self._since[group], event["timestamp"])
                        line = event["message"].rstrip()
                        self.last = [*self.last, line][-LAST_LINES:]
                        yield line
            except AwsFailure as error:
                if not error.missing:
                    raise

    def quietly(self) -> Iterator[str]:
        """Yield new lines; without the right to read them, or when AWS does not answer, none."""
        try:
            yield from self.new()
        except AwsFailure:
            return


def recent(settings: Target, aws: Aws, seconds: float = 3600) -> list[str]:
    """Return the last lines of the project's containers, [] when they cannot be read."""
    tail = Tail(settings, aws, time.time() - seconds)
    list(tail.quietly())
    return tail.last
