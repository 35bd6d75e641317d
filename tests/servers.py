"""Servers that tests start: a port for each, and when it is ready."""

import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

# The contract suite of the project in the current directory, as do/test starts it.
RUN_CONTRACT = (
    "import runpy, sys; sys.path.insert(0, 'do');"
    "runpy.run_module('contract', run_name='__main__', alter_sys=True)"
)
CONTRACT = (sys.executable, "-c", RUN_CONTRACT)

LISTEN = "0A"  # the state of a socket in /proc/net/tcp


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_until_ready(process: "subprocess.Popen[bytes]", port: int, seconds: float) -> None:
    """Wait for a /ping 200. Raises TimeoutError when the process ends first, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=10):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"no /ping 200 on port {port} in {seconds} s, exit code {process.poll()}")


def listening(port: int) -> set[str]:
    """Return the IPv4 addresses on which processes of this machine listen, for one port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    sockets = (line.split()[1].split(":") for line in lines if line.split()[3] == LISTEN)
    return {
        socket.inet_ntoa(bytes.fromhex(host)[::-1]) for host, number in sockets if int(number, 16) == port
    }
