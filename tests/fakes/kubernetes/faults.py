"""Faults to inject into calls of a Kubernetes API."""

import re
from dataclasses import dataclass, field


@dataclass
class Fault:
    """A fault: matching calls get `status`, or are cut, or delayed."""

    pattern: str
    status: int = 0  # 0: the connection is reset
    times: int = 1
    skip: int = 0
    seconds: float = 0.0  # seconds of delay
    headers: dict[str, str] = field(default_factory=dict)
    struck: int = 0

    def strikes(self, call: str) -> bool:
        """Return whether this call fails, and count it."""
        if not re.search(self.pattern, call) or self.struck >= self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.struck += 1
        return True
