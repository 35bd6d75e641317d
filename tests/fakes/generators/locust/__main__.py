"""Run a locustfile as Locust does: users in threads, each with the next request after a response."""

import argparse
import importlib.util
import os
import threading
import time
import urllib.error
import urllib.request
from types import SimpleNamespace
from typing import Any

from locust import FastHttpUser, events  # type: ignore[import-not-found]


class Client:
    """A client that reports each request as an event."""

    def __init__(self, user: FastHttpUser) -> None:
        self.user = user

    def post(self, path: str, data: bytes, headers: dict[str, str]) -> None:
        """Send a request."""
        request = urllib.request.Request(f"{self.user.host}{path}", data, headers)
        problem: OSError | None = None
        started = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=self.user.network_timeout) as answer:
                answer.read()
            response = SimpleNamespace(status_code=answer.status, text="")
        except urllib.error.HTTPError as error:
            problem, response = error, SimpleNamespace(status_code=error.code, text=error.read().decode())
        except OSError as error:
            problem, response = error, SimpleNamespace(status_code=0, text=None)
        milliseconds = (time.perf_counter() - started) * 1000
        events.request.fire(response_time=milliseconds, exception=problem, response=response, name=path)


def main() -> None:
    """Run the load in the arguments."""
    parser = argparse.ArgumentParser()
    for flag in ("--headless", "--only-summary"):
        parser.add_argument(flag, action="store_true", required=True)
    for name in ("--locustfile", "--users", "--spawn-rate", "--run-time", "--stop-timeout"):
        parser.add_argument(name, required=True)
    parser.add_argument("--exit-code-on-error", choices=["0"], required=True)
    given = parser.parse_args()
    if os.environ.get("GENERATOR_FAULT"):
        raise SystemExit("fake: crash")
    spec = importlib.util.spec_from_file_location("locustfile", given.locustfile)
    assert spec and spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    end = time.monotonic() + float(given.run_time.removesuffix("s"))
    events.test_start.fire(environment=None)

    def call() -> None:
        user = module.Caller()
        user.client = Client(user)
        while time.monotonic() < end:
            for task in user.tasks:
                task(user)

    threads = [threading.Thread(target=call) for _ in range(int(given.users))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events.test_stop.fire(environment=None)


main()
