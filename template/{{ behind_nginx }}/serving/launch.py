"""nginx listens, the engine behind it on the loopback: both start here and end together."""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import nginx
import supervisor
from settings import refuse
from supervisor import Child

CONFIGURATION = Path(__file__).resolve().with_name("nginx.conf")


def address(port: int) -> dict[str, Any]:
    """Return where the engine listens when SageMaker calls `port`: a free port in the range it allows."""
    allowed = os.environ.get("SAGEMAKER_SAFE_PORT_RANGE", "0-0")  # 0 is any that is free
    try:
        first, last = map(int, allowed.split("-"))
    except ValueError:
        refuse(f"SAGEMAKER_SAFE_PORT_RANGE: {allowed!r} is not like 21000-21999")
    for candidate in range(first, last + 1):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", candidate)) as probe:
            if candidate != port:
                return {"host": "127.0.0.1", "port": probe.getsockname()[1]}
    refuse(f"SAGEMAKER_SAFE_PORT_RANGE: no port of {allowed} is free")


def run(command: list[str], environment: dict[str, str], port: int, settings: dict[str, Any]) -> NoReturn:
    """Start the engine and nginx in front of it; end with both. Raises OSError when one cannot be started."""

    def children(run_dir: Path) -> Iterator[Child]:
        replaced = {"127.0.0.1:8081": f"{settings['host']}:{settings['port']}"}
        yield nginx.start(configuration(), run_dir, port, replaced)
        yield Child("the engine", supervisor.start(command, environment), graceful=signal.SIGTERM)

    sys.exit(supervisor.supervise(children))


def configuration() -> Path:
    """Return where nginx.conf is: beside this file in the image, above it in the project."""
    return CONFIGURATION if CONFIGURATION.exists() else CONFIGURATION.parent.parent / "nginx.conf"
