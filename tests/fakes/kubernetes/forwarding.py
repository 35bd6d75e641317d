"""A WebSocket connected to the port of a pod, with the protocol v4.channel.k8s.io."""

import base64
import contextlib
import hashlib
import socket
import struct
import threading
from io import BufferedIOBase

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455
PROTOCOL = "v4.channel.k8s.io"


def accepted(key: str) -> str:
    """Return the response of a server to the key of a client."""
    return base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()


class Forwarding:
    """Forwards data from a client to a port of this machine, and back."""

    def __init__(self, reading: BufferedIOBase, writing: BufferedIOBase) -> None:
        self._reading, self._writing = reading, writing

    def run(self, port: int, local: int | None) -> None:
        """Connect the client to `local`, the local port of the pod, until either side closes."""
        for channel in (0, 1):
            self._frame(bytes([channel]) + struct.pack("<H", port))
        try:
            if local is None:
                raise ConnectionRefusedError(f"nothing listens on {port}")
            server = socket.create_connection(("127.0.0.1", local), timeout=10)
        except OSError as error:
            self._frame(b"\x01" + f"an error occurred forwarding {port}: {error}".encode())
            self._frame(b"", opcode=8)
            return
        with server:
            server.settimeout(None)
            threading.Thread(target=self._answers, args=(server,), daemon=True).start()
            with contextlib.suppress(OSError, EOFError):
                while (data := self._received()) is not None:
                    server.sendall(data)

    def _answers(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):  # the other side has closed the connection
            while data := server.recv(65536):
                self._frame(b"\x00" + data)
            self._frame(b"", opcode=8)

    def _frame(self, data: bytes, opcode: int = 2) -> None:
        size = len(data)
        if size < 126:
            head = bytes([size])
        else:
            head = b"\x7e" + struct.pack(">H", size) if size < 65536 else b"\x7f" + struct.pack(">Q", size)
        self._writing.write(bytes([0x80 | opcode]) + head + data)
        self._writing.flush()

    def _received(self) -> bytes | None:
        """Return the data of the next frame for the pod, None when the connection is closed."""
        while True:
            first, second = self._exactly(2)
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
            mask = self._exactly(4)
            masked = self._exactly(size)
            data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
            if first & 0xF == 8:
                return None
            if first & 0xF == 2 and data[:1] == b"\x00":
                return data[1:]

    def _exactly(self, size: int) -> bytes:
        data = self._reading.read(size)
        if len(data) < size:
            raise EOFError
        return data
