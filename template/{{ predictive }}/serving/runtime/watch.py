# Part of the library: `copier update` replaces this file.
"""A thread of each worker that answers /ping, and ends the worker when a request hangs."""

import contextlib
import faulthandler
import os
import socket
import sys
import threading
import traceback
from pathlib import Path
from time import monotonic

from runtime.inference import PREDICT_SECONDS, Inference, log

LOOK_SECONDS = min(1.0, PREDICT_SECONDS)
# After this time without a look at the clock another thread holds the interpreter's lock for good.
STUCK_SECONDS = PREDICT_SECONDS + 2
STACK_DEPTH = 12  # calls, of which the server's own are the outermost
HEAD = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


def start(inference: Inference, path: Path) -> None:
    """Answer /ping on a Unix socket at `path`, while requests take all other threads of this process."""
    path.unlink(missing_ok=True)  # that of a worker which has ended
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(128)
    listener.settimeout(LOOK_SECONDS)
    threading.Thread(target=_watch, args=(inference, listener), name="watch", daemon=True).start()


def _watch(inference: Inference, listener: socket.socket) -> None:
    looked = 0.0
    while True:
        if monotonic() - looked >= LOOK_SECONDS:
            looked = monotonic()
            # A thread in C, which ends the process and shows its stacks if this one is kept from running.
            faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True, file=2)
            _end_if_hung(inference, looked)
        with contextlib.suppress(OSError):  # no connection yet, or one that was given up
            _answer(inference, listener)


def _answer(inference: Inference, listener: socket.socket) -> None:
    with listener.accept()[0] as connection:
        connection.settimeout(1)
        request, body = connection.recv(65536), inference.status()
        head = HEAD.format(len(body)).encode()
        connection.sendall(head if request.startswith(b"HEAD") else head + body)


def _end_if_hung(inference: Inference, now: float) -> None:
    for thread, (began, content_type, size) in list(inference.at_work.items()):
        if now - began <= PREDICT_SECONDS:
            continue
        frame = sys._current_frames().get(thread)
        log.critical(
            "a request of %d bytes (%r) has taken %.0f s, the limit is %g s (SERVING_PREDICT_SECONDS); "
            "its worker ends with all of its requests and is replaced; the request was here:\n%s",
            size,
            content_type,
            now - began,
            PREDICT_SECONDS,
            "".join(traceback.format_stack(frame, STACK_DEPTH)) if frame else "",
        )
        os._exit(1)
