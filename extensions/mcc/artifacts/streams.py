"""Bytes of a model's file, compressed or not, with bounds on size and time."""

import bz2
import gzip
import io
import lzma
import re
import time
import zlib
from typing import Any, BinaryIO

from .artifact_facts import Exhausted, NotUnderstood

SECONDS = 3.0  # for one file
TEXT_BYTES, HEAD_BYTES = 4096, 65_536  # of a text and of binary data that are kept
COMPRESSED: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
    b"\x5d\0\0": lzma.open,
}


class Zlib(io.RawIOBase):
    """The content of a zlib stream, in chunks."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._inflate, self._rest = file, zlib.decompressobj(), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._inflate.eof:
            given = self._rest or self._file.read(HEAD_BYTES)
            piece = self._inflate.decompress(given, len(buffer))
            self._rest = self._inflate.unconsumed_tail
            if piece or not given:
                buffer[: len(piece)] = piece
                return len(piece)
        return 0


class Stream:
    """Bytes of a file, or of what a compressed one holds, until time is up."""

    def __init__(self, file: Any, size: int | None) -> None:
        self._file, self._size = file, size
        self.deadline = time.monotonic() + SECONDS

    def read(self, count: int) -> bytes:
        try:
            data: bytes = self._file.read(count)
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            raise NotUnderstood from None
        if len(data) < count:
            raise NotUnderstood
        return data

    def number(self, count: int) -> int:
        return int.from_bytes(self.read(count), "little")

    def line(self) -> str:
        try:
            return bytes(self._file.readline(TEXT_BYTES)).rstrip(b"\n").decode("utf-8", "replace")
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            raise NotUnderstood from None

    def skip(self, count: int) -> None:
        if self._size is not None:
            if self._file.tell() + count > self._size:
                raise NotUnderstood
            self._file.seek(count, io.SEEK_CUR)
            return
        while count > 0:
            self.check()
            count -= len(self.read(min(count, 1 << 20)))

    def head(self, count: int, kept: int) -> bytes:
        """Return the first `kept` of `count` bytes and pass over the rest."""
        data = self.read(min(count, kept))
        self.skip(count - len(data))
        return data

    def search(self, pattern: "re.Pattern[bytes]") -> "re.Match[bytes] | None":
        """Return the first match in what is left, until time is up again."""
        self.deadline = time.monotonic() + SECONDS
        before = b""
        while time.monotonic() < self.deadline:
            try:
                block = self._file.read(1 << 20)
            except (OSError, EOFError, zlib.error, lzma.LZMAError):
                return None
            if not block:
                return None
            if found := pattern.search(before + block):
                return found
            before = block[-256:]
        return None

    def check(self) -> None:
        if time.monotonic() > self.deadline:
            raise Exhausted
