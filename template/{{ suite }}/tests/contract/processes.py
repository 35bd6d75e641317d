"""What runs and what listens, read from /proc. Inside a container this file runs as a script."""

import json
import os
from pathlib import Path
from typing import TypedDict

LISTENING = "0A"
LOOPBACK = ("7F", "01000000")  # 127.0.0.1, also within IPv6, and ::1 end so in /proc


class Process(TypedDict):
    """A process, with its resident memory in kB and the numbers of its sockets."""

    pid: int
    parent: int
    user: int
    kb: int
    zombie: bool
    command: str
    sockets: list[str]


class Listener(TypedDict):
    """A listening TCP socket."""

    port: int
    loopback: bool
    socket: str


def processes() -> list[Process]:
    """Return all processes but this one; none where there is no /proc."""
    found: list[Process] = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            lines = (path / "status").read_text().splitlines()
            command = (path / "cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:
            continue
        try:
            sockets = [os.readlink(link).strip("socket:[]") for link in (path / "fd").iterdir()]
        except OSError:
            sockets = []
        status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        found.append(
            {
                "pid": int(path.name),
                "parent": int(status["PPid"][0]),
                "user": int(status["Uid"][1]),
                "kb": int(status.get("VmRSS", ["0"])[0]),
                "zombie": status["State"][0] == "Z",
                "command": command,
                "sockets": sockets,
            }
        )
    return [process for process in found if process["pid"] != os.getpid()]


def listeners() -> list[Listener]:
    """Return the TCP sockets that listen in this network namespace."""
    found: list[Listener] = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for row in [line.split() for line in table.read_text().splitlines()[1:]] if table.exists() else []:
            address, port = row[1].split(":")
            if row[3] == LISTENING:
                found.append(
                    {"port": int(port, 16), "loopback": address.endswith(LOOPBACK), "socket": row[9]}
                )
    return found


if __name__ == "__main__":
    print(json.dumps([processes(), listeners()]))
