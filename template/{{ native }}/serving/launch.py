"""The engine listens itself: this process becomes it, so that signals and its exit code are its own."""

import os
from typing import Any, NoReturn


def address(port: int) -> dict[str, Any]:
    """Return where the engine listens when SageMaker calls `port`."""
    return {"host": os.environ.get("SERVING_HOST", "0.0.0.0"), "port": port}


def run(command: list[str], environment: dict[str, str], port: int, settings: dict[str, Any]) -> NoReturn:
    """Become the engine. Raises OSError when it cannot be started."""
    os.execvpe(command[0], command, environment)
