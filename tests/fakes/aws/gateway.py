"""The entry of all requests: records them, injects faults, checks them, and executes them."""

import os
import select
import socket
import struct
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NoReturn

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Response

from tests.fakes.aws import constraints, openai_path, permissions, stale
from tests.fakes.aws.calls import STARTS_INSTANCES, Call, Fault, Recorder, refusal
from tests.fakes.aws.ecr import BLOBS
from tests.fakes.aws.wire import OPERATIONS, Refusal, Request, answer, passed_on, read_request, refuse
from tests.fakes.aws.world import World

OURS = {
    "application-autoscaling",
    "codebuild",
    "ec2",
    "kms",
    "pricing",
    "sagemaker",
    "sagemaker-runtime",
    "service-quotas",
}
WITHOUT_LOCK = {"sagemaker-runtime"}  # an invocation can take a minute
HANG_SECONDS = 900.0


class Gateway:
    """A WSGI application: the AWS of a world."""

    def __init__(self, world: World, recorder: Recorder) -> None:
        self.world, self.recorder = world, recorder
        self._moto = DomainDispatcherApplication(create_backend_app)
        # moto lists a folder and compares 200 patterns to find the backend of a request.
        vars(self._moto)["get_backend_for_host"] = cache(self._moto.get_backend_for_host)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Respond to one HTTP request."""
        if environ["PATH_INFO"].startswith(BLOBS):
            return self._blob(environ["PATH_INFO"].removeprefix(BLOBS))(environ, start_response)
        try:
            request = self._read(environ)
        except Refusal as refused:
            return refuse(refused, "json")(environ, start_response)
        call, fault = self.recorder.record(request)
        response = self._respond(request, call, fault)
        return response(environ, start_response)

    def _read(self, environ: dict[str, Any]) -> Request:
        """Return the call of an HTTP request. Raise Refusal for another request."""
        if openai_path.PATH.fullmatch(environ["PATH_INFO"]):
            return openai_path.read_request(environ, self.world.secrets)
        return read_request(environ)

    def _blob(self, path: str) -> Response:
        """Return a layer or configuration of an image, like the address of GetDownloadUrlForLayer."""
        repository, _, digest = path.rpartition("/")
        blob = self.world.images.blob(repository, digest)
        return Response(blob or b"", 404 if blob is None else 200)

    def _respond(self, request: Request, call: Call, fault: Fault | None) -> Response:
        """Return the response. Raise ConnectionResetError if the connection was cut."""
        try:
            if fault and fault.kind in ("reset", "hang") and not fault.after:
                self._break_off(request, call, fault)
            if fault and fault.kind not in ("reset", "hang"):
                later = fault.kind == "no capacity" and request.operation in STARTS_INSTANCES
                if not later:
                    raise refusal(fault.kind, request, call)
            policies = self.world.sessions.get(request.access_key, self.world.policies)
            if policies is not None:
                permissions.check(policies, call.needs, request.access_key)
            constraints.check(request)
            response = self._carry_out(request, short=fault is not None and fault.kind == "no capacity")
        except Refusal as refused:
            call.outcome = refused.code
            return refuse(refused, request.protocol, request.service)
        call.executed = response.status_code < 400
        call.outcome = "ok" if call.executed else f"HTTP {response.status_code}"
        if fault and fault.kind in ("reset", "hang"):
            self._break_off(request, call, fault)
        return response

    def _carry_out(self, request: Request, short: bool) -> Response:
        world, function = self.world, OPERATIONS.get((request.service, request.operation))
        if function is None:
            if request.service in OURS:
                raise Refusal("UnknownOperationException", f"the fake has no {request.operation}", 400)
            if request.service == "logs":
                world.flush_logs()
            return self._ask_moto(request)
        if request.service in WITHOUT_LOCK:
            result = function(world, request)
        else:
            with world.lock:
                world.short_of_capacity = short
                try:
                    result = stale.carry_out(world, request, function)
                finally:
                    world.short_of_capacity = False
        return result if isinstance(result, Response) else answer(request, result)

    def _ask_moto(self, request: Request) -> Response:
        missing = Refusal("UnknownOperationException", f"the fake has no {request.operation}", 400)
        try:
            response = passed_on(self._moto, request.environ)
        except NotImplementedError:
            raise missing from None
        if response.get_data().startswith(b"<!doctype html>"):  # Flask's page: moto has no such route
            raise missing
        return response

    def _break_off(self, request: Request, call: Call, fault: Fault) -> NoReturn:
        """Cut the connection, immediately or after the timeout of the caller."""
        call.outcome = fault.kind
        connection: socket.socket = request.environ["werkzeug.socket"]
        if fault.kind == "hang":
            released, waited = self.recorder.released, 0.0
            while waited < HANG_SECONDS and not released.wait(0.02):
                waited += 0.02
                if select.select([connection], [], [], 0)[0] and not connection.recv(1, socket.MSG_PEEK):
                    break
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())  # close() would wait for the files of the socket
        raise ConnectionResetError
