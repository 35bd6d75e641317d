"""The image's entrypoint is a shell, which passes no signal on: it is started here and ended as a group."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import supervisor
from supervisor import Child


def address(port: int) -> dict[str, Any]:
    """Return where the engine listens when SageMaker calls `port`."""
    return {"host": os.environ.get("SERVING_HOST", "0.0.0.0"), "port": port}


def run(command: list[str], environment: dict[str, str], port: int, settings: dict[str, Any]) -> NoReturn:
    """Start the engine; end with it. Raises OSError when it cannot be started."""

    def children(run_dir: Path) -> Iterator[Child]:
        yield Child("the engine", supervisor.start(command, environment), signal.SIGTERM, group=True)

    sys.exit(supervisor.supervise(children))
