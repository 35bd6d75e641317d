"""A fake of the parts of Locust that a locustfile uses: FastHttpUser and events."""

from collections.abc import Callable
from typing import Any


class Event:
    """An event with listeners."""

    def __init__(self) -> None:
        self.listeners: list[Callable[..., None]] = []

    def add_listener(self, listener: Callable[..., None]) -> None:
        """Call a function on every event."""
        self.listeners.append(listener)

    def fire(self, **about: Any) -> None:
        """Call all listeners."""
        for listener in self.listeners:
            listener(**about)


class _Events:
    request, test_start, test_stop = Event(), Event(), Event()


events = _Events()


class FastHttpUser:
    """A user with a client; __main__.py sets it."""

    host = ""
    client: Any = None
    tasks: Any = ()
    network_timeout = connection_timeout = 0.0
