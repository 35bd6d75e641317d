# Part of the library: `copier update` replaces this file.
"""The address and port of a server on this machine, and whether they are free."""

import argparse
import errno
import ipaddress
import socket
import sys

from lifecycle.project import PRECONDITION, USAGE, Failure

LOOPBACK = "127.0.0.1"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for address and port."""
    text = "IPv4 address to listen on; 0.0.0.0: all interfaces (%(default)s)"
    parser.add_argument("--host", type=_host, default=LOOPBACK, help=text)
    parser.add_argument("--port", type=_port, default=8080, help="port to listen on (%(default)s)")


def environment(arguments: argparse.Namespace) -> dict[str, str]:
    """Print the address of serving/serve, and return the environment variables that set it."""
    address = f"http://{arguments.host}:{arguments.port}"
    print(f"serving on {address} (Ctrl-C to stop)", file=sys.stderr, flush=True)
    return {"SERVING_HOST": arguments.host, "SAGEMAKER_BIND_TO_PORT": str(arguments.port)}


def require_free(host: str, port: int) -> None:
    """Raise Failure if another process uses the address, or if it is not available."""
    here = f"{host}:{port}"
    taken = Failure(
        PRECONDITION,
        "port-in-use",
        f"port {port} is already in use",
        f"another process listens on {here}",
        f"stop that process, or choose another port: --port {port % 65535 + 1}",
    )
    # macOS lets a server listen on one address while another process listens on all of them.
    with socket.socket() as caller:
        caller.settimeout(1)
        if caller.connect_ex((host, port)) == 0:
            raise taken
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, port))
            server.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise taken from None
            what, next_step = f"cannot listen on {here}", "choose another --host or --port"
            raise Failure(USAGE, "cannot-listen", what, str(error), next_step) from None


def _host(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(LOOPBACK if text == "localhost" else text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not an IPv4 address, such as {LOOPBACK}") from None


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a port from 1 to 65535")
