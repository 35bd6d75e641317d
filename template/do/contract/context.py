# Part of the library: `copier update` replaces this file.
"""A server that is checked: the requests of its kind of model, and the servers started next to it."""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from .client import NONE, Client, Headers, NotApplicable, Reply, Request
from .registry import expect
from .servers import LocalServer, OwnServer, Server, free_port

PING = Request("GET", "/ping")


class Load(NamedTuple):
    """How many seconds a load took, and those of each ping meanwhile."""

    seconds: float
    pings: tuple[float, ...]


class Context(ABC):
    """What all checks share; kind.py has what differs by the kind of model."""

    imports = ""  # what an unprivileged user must be able to import
    container_options: tuple[str, ...] = ()  # that a container of this kind is started with
    local_variables: tuple[tuple[str, str], ...] = ()  # that a local server of this kind is started with
    without_model: tuple[tuple[str, str], ...] = ()  # variables of a server that has no model
    ends_alone = True  # whether what it has started ends with a server that is killed

    def __init__(self, server: Server, soak_requests: int = 5_000, seconds: float = 0) -> None:
        self.server, self.client = server, server.client
        self.soak_requests, self.seconds = soak_requests, seconds
        self.stack = contextlib.ExitStack()

    @abstractmethod
    def one(self, headers: Headers = NONE) -> Request:
        """Return a small request for an answer."""

    @abstractmethod
    def slow(self) -> Request:
        """Return a request that takes a second or two."""

    @abstractmethod
    def judge(self, request: Request, reply: Reply) -> None:
        """Raise Failed unless a reply is the right answer to a request."""

    @abstractmethod
    def message(self, error: Any) -> Any:
        """Return what the body of an error says in words."""

    @abstractmethod
    def corrupt(self, model: Path) -> None:
        """Make a model in this directory one that cannot be loaded."""

    def several(self, headers: Headers = NONE) -> Request:
        """Return a request for as many answers as one can ask for."""
        return self.one(headers)

    def streamed(self) -> Request:
        """Return a request whose answer comes in parts. Raises NotApplicable when there are none."""
        raise NotApplicable("answers are not streamed")

    def with_long_header(self) -> Request:
        """Return a request that nginx refuses. Raises NotApplicable without nginx."""
        self.need_nginx()
        return PING._replace(headers={"X-Long": "x" * 40_000})

    def need_nginx(self) -> None:
        """Raise NotApplicable when the server runs without nginx."""
        nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        if isinstance(self.server, LocalServer) and not nginx:
            raise NotApplicable("nginx is not installed on this machine")

    def copy_model(self, target: Path) -> None:
        """Copy what is served."""
        self.own.copy_model(target)

    @property
    def own(self) -> OwnServer:
        if isinstance(self.server, OwnServer):
            return self.server
        raise NotApplicable("needs a server that is started here: --local or --image")

    def send(self, request: Request, client: Client | None = None, **how: Any) -> Reply:
        """Return the reply to a request. Raises Failed unless it is the right answer."""
        reply = (client or self.client).send(request, **how)
        self.judge(request, reply)
        return reply

    def steadily(self, requests: int) -> float:
        """Return the seconds that small requests take on one connection, which must stay open."""
        with contextlib.closing(HTTPConnection(*self.client, timeout=60)) as connection:
            connection.connect()
            connection.auto_open, started = 0, time.perf_counter()
            for _ in range(requests):
                self.send(self.one(), connection=connection)
            return time.perf_counter() - started

    def together(self, clients: int, requests: int) -> float:
        """Return the seconds that this many requests of each client take."""
        started = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(self.steadily, [requests] * clients))
        return time.perf_counter() - started

    @cached_property
    def load(self) -> Load:
        """The load of 32 clients with 40 requests each, which several checks share."""
        with self.pinging() as pings:
            seconds = self.together(32, 40)
        return Load(seconds, tuple(pings))

    @contextlib.contextmanager
    def pinging(self) -> Iterator[list[float]]:
        """Ping all the while; the list has the seconds of each at the end. A ping that fails took forever."""
        over, pings = threading.Event(), list[float]()

        def ping() -> None:
            ended = False
            while not ended:
                started, answered = time.perf_counter(), self.server.responds()
                pings.append(time.perf_counter() - started if answered else float("inf"))
                ended = over.wait(0.05)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(ping)
            try:
                yield pings
            finally:
                over.set()

    def limited(self, *options: str) -> str:
        with self.started(options=(*self.own.options, *options)) as server:
            return self.predicts(server)

    @contextlib.contextmanager
    def started(self, prepare: Callable[[Path], None] | None = None, **changes: Any) -> Iterator[OwnServer]:
        """Start another server with a prepared, read-only copy of the model, dated 1970, and end it again."""
        with tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o755)
            model = Path(directory, "model")
            self.copy_model(model)
            if prepare:
                prepare(model)
            for path in [model, *model.rglob("*")]:
                path.chmod(0o555 if path.is_dir() else 0o444)
                os.utime(path, (0, 0))
            with contextlib.closing(replace(self.own, model=model, **changes)) as server:
                yield server

    def fails(
        self, prepare: Callable[[Path], None], limit: float, *variables: tuple[str, str]
    ) -> tuple[str, float, str]:
        """Start a server that must fail; return where it sees its model, how long it took and its log."""
        with self.started(prepare, variables=(*self.own.variables, *variables)) as server:
            started = time.monotonic()
            while (code := server.exit_code()) is None:
                expect(not server.responds(), "/ping answered 200")
                expect(time.monotonic() - started < limit, f"still running after {limit:.0f} s")
                time.sleep(0.1)
            expect(code != 0, "exit code 0")
            return server.model_dir, time.monotonic() - started, server.log()

    @cached_property
    def second(self) -> OwnServer:
        """A server on another port, which several checks share."""
        return self.stack.enter_context(self.started(port=free_port()))

    def predicts(self, server: OwnServer) -> str:
        server.ready()
        reply = self.send(self.one(), client=server.client)
        return f"port {server.listens_on}, answered in {reply.seconds * 1000:.0f} ms"
