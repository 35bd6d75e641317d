# Part of the library: `copier update` replaces this file.
"""A thread in each worker. It answers /ping, and ends the worker if a request exceeds its time limit."""

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
# If this thread cannot run for this long, another thread holds the interpreter lock forever.
STUCK_SECONDS = PREDICT_SECONDS + 2
STACK_DEPTH = 12  # innermost calls
HEAD = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


def start(inference: Inference, path: Path) -> None:
    """Answer /ping on a Unix socket at `path`, even if requests occupy all other threads of this process."""
    path.unlink(missing_ok=True)  # left by a worker that has ended
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
            # A thread in C: if this thread cannot run, it prints the stacks and ends the process.
            faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True, file=2)
            _end_if_hung(inference, looked)
        with contextlib.suppress(OSError):  # no connection yet, or the client closed it
            _answer(inference, listener)


def _answer(inference: Inference, listener: socket.socket) -> None:
    with listener.accept()[0] as connection:
        connection.settimeout(1)
        request, body = connection.recv(65536), inference.status()
        head = HEAD.format(len(body)).encode()
        connection.sendall(head if request.startswith(b"HEAD") else head + body)


def _end_if_hung(inference: Inference, now: float) -> None:
    for thread, work in list(inference.at_work.items()):
        began, content_type, size = work
        frame = sys._current_frames().get(thread)
        # The request can end while this thread looks: its response is then sent, not cut off.
        if now - began <= PREDICT_SECONDS or inference.at_work.get(thread) is not work:
            continue
        log.critical(
            "a request of %d bytes (%r) has taken %.0f s, the limit is %g s (SERVING_PREDICT_SECONDS)",
            size,
            content_type,
            now - began,
            PREDICT_SECONDS,
        )
        log.critical("the worker ends with all of its requests and is replaced")
        if frame:
            log.critical("stack of the request:\n%s", "".join(traceback.format_stack(frame, STACK_DEPTH)))
        os._exit(1)
