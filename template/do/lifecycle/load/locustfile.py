# Part of the library: `copier update` replaces this file.
"""The load of Locust: one request, sent again and again; run by fixed.py in the generator's environment.

The request is in the JSON file in BENCHMARK_REQUEST. The times, in milliseconds, and the errors of the
requests that start after the warm-up are written to BENCHMARK_RESULT: Locust's own statistics are rounded
to milliseconds.
"""

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import get_session
from locust import FastHttpUser, events  # type: ignore[import-not-found,unused-ignore]

REQUEST = json.loads(Path(os.environ["BENCHMARK_REQUEST"]).read_text("utf-8"))
BODY = Path(REQUEST["body"]).read_bytes()
CREDENTIALS: Any = get_session().get_credentials() if REQUEST["region"] else None  # of this shell
times: list[float] = []
problems: Counter[str] = Counter()
began = time.monotonic()


def headers() -> dict[str, str]:
    """Return the headers of a request, signed for AWS if it has a region."""
    if not REQUEST["region"]:
        return dict(REQUEST["headers"])
    request = AWSRequest("POST", f"{REQUEST['url']}{REQUEST['path']}", dict(REQUEST["headers"]), BODY)
    SigV4Auth(CREDENTIALS, "sagemaker", REQUEST["region"]).add_auth(request)
    return dict(request.headers)


class Caller(FastHttpUser):  # type: ignore[misc]
    """A client that sends the next request as soon as it has a response."""

    host = REQUEST["url"]
    network_timeout = connection_timeout = REQUEST["timeout"]

    def invoke(self) -> None:
        """Send the request."""
        self.client.post(REQUEST["path"], data=BODY, headers=headers())

    tasks = (invoke,)


def record(response_time: float, exception: Any, response: Any, **_: Any) -> None:
    """Keep the time or the error of a request."""
    if time.monotonic() - began - response_time / 1000 < REQUEST["warm_up"]:
        return
    if exception is None:
        times.append(response_time)
        return
    status = getattr(response, "status_code", 0)
    problems[f"HTTP {status}: {response.text[:200]}" if status else str(exception)[:200]] += 1


def start(**_: Any) -> None:
    """Start the clock."""
    global began
    began = time.monotonic()


def write(**_: Any) -> None:
    """Write the results."""
    seconds = time.monotonic() - began - REQUEST["warm_up"]
    found = {"seconds": seconds, "times_ms": times, "problems": dict(problems)}
    Path(os.environ["BENCHMARK_RESULT"]).write_text(json.dumps(found), "utf-8")


events.request.add_listener(record)
events.test_start.add_listener(start)
events.test_stop.add_listener(write)
