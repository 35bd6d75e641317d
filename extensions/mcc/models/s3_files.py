"""Downloads the file of a model from S3 to a temporary folder, which the end of the process removes.

One object, under a deadline and a limit of its size. Folders are not downloaded.
"""

import os
import re
import shlex
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors.errors import S3Error
from . import deadline as deadline_of
from .s3_client import ARCHIVED, ARCHIVED_TEXT, Purpose, S3Client

ADDRESS = re.compile(r"s3://(?P<bucket>[^/\s]+)/(?P<key>\S*[^/\s])")
SECONDS = 900.0
LARGEST = 10 * 10**9  # bytes
BLOCK = 1 << 20
QUIET_S, STEP_S = 2.0, 5.0  # before the first line of progress, and between two
MB = 10**6
_folders: dict[str, TemporaryDirectory[str]] = {}  # by address


def is_address(model_path: str) -> bool:
    """Return whether a path is an address on S3."""
    return model_path.startswith("s3://")


def local(model_path: str) -> Path:
    """Return the path of a model on this machine. A file on S3 has one after `fetch`."""
    if folder := _folders.get(model_path):
        return Path(folder.name) / _name(model_path)
    return Path(os.path.expanduser(model_path))


def is_fetched(address: str) -> bool:
    """Return whether a file on S3 was downloaded, and was not removed since."""
    return address in _folders


def fetch(address: str, offline: bool) -> None:
    """Download the file at an address, once. Raise S3Error."""
    if is_fetched(address):
        return
    if not ADDRESS.fullmatch(address) or offline:
        why = "which offline=true does not read" if offline else "and a folder or bucket is not downloaded"
        raise S3Error(f"model_path: {address} is on S3, {why}. {by_hand(address)}")
    folder = TemporaryDirectory(prefix="model-")
    try:
        download(address, Path(folder.name) / _name(address))
    except BaseException:
        folder.cleanup()
        raise
    _folders[address] = folder


def forget(address: str) -> None:
    """Remove a file that was downloaded."""
    if folder := _folders.pop(address, None):
        folder.cleanup()


def download(address: str, target: Path, seconds: float = SECONDS, largest: int = LARGEST) -> None:
    """Write the object at an address to a file, with lines of progress on stderr. Raise S3Error."""
    end = time.monotonic() + seconds
    try:
        deadline_of.result(deadline_of.start(_written, address, target, end, largest), end)
    except TimeoutError:
        what = f"the download was not complete after {seconds:g} s"
        raise S3Error(f"model_path: {address}: {what}. {by_hand(address)}") from None


def by_hand(address: str) -> str:
    """Return the next step where the template does not download a file or a folder."""
    is_folder = not ADDRESS.fullmatch(address)
    target = shlex.quote(_name(address) + "/" * is_folder)
    options = " --recursive" if is_folder else ""
    return f"Download it, and give the local path: aws s3 cp{options} {shlex.quote(address)} {target}"


def _name(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def _written(address: str, target: Path, end: float, largest: int) -> None:
    found = ADDRESS.fullmatch(address)
    assert found
    key, otherwise = found["key"], by_hand(address)
    yourself = f"or download it yourself: {otherwise.partition(': ')[2]}"
    missing = (
        f"there is no object {key}. Check the address. A folder is not downloaded: {by_hand(address + '/')}"
    )
    purpose = Purpose("model_path", "downloaded", otherwise, yourself, yourself, missing)
    client = S3Client(address, found["bucket"], end, purpose)
    action = f"read {key}"
    with client.explained(action):
        answer = client.client.get_object(Bucket=client.bucket, Key=key)
    _check(address, answer, target, largest)
    with client.explained(action), answer["Body"] as body, target.open("xb") as file:
        count = _copied(body, file, int(answer["ContentLength"]), address, end)
    if count != answer["ContentLength"]:
        what = f"the download ended after {count:,} of {answer['ContentLength']:,} bytes"
        raise S3Error(f"model_path: {address}: {what}. Run the command again.")


def _check(address: str, answer: dict[str, Any], target: Path, largest: int) -> None:
    """Refuse an object that cannot be read, or that is too large for the limit or the disk."""
    size, free = int(answer["ContentLength"]), shutil.disk_usage(target.parent).free
    if answer.get("StorageClass") in ARCHIVED:
        raise S3Error(f"model_path: {address} is {ARCHIVED_TEXT}")
    if size > largest:
        what = f"has {size / MB:,.0f} MB, and up to {largest / MB:,.0f} MB are downloaded"
        raise S3Error(f"model_path: {address} {what}. {by_hand(address)}")
    if size > free:
        what = f"has {size / MB:,.0f} MB, but {target.parent.parent} has {free / MB:,.0f} MB free"
        raise S3Error(f"model_path: {address} {what}. Set TMPDIR to a folder with more space.")


def _copied(body: Any, file: Any, size: int, address: str, end: float) -> int:
    """Copy a body to a file until `end` of time.monotonic. Return the number of bytes."""
    count, said = 0, time.monotonic() + QUIET_S
    while block := body.read(BLOCK):
        file.write(block)
        count, now = count + len(block), time.monotonic()
        if now > end:
            raise TimeoutError
        if now > said:
            print(f"model_path: {count / MB:,.0f} of {size / MB:,.0f} MB of {address}", file=sys.stderr)
            said = now + STEP_S
    return count
