# Part of the library: `copier update` replaces this file.
"""The data of batch transform jobs: files on this machine, and objects in S3."""

import gzip
import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lifecycle.aws import Aws, AwsFailure
from lifecycle.project import PRECONDITION, USAGE, Failure
from lifecycle.served import requests
from lifecycle.transform.specification import SPLIT
from lifecycle.transform.target import Target

MIB = 1024**2
MOST_BYTES = 5 * 1024**3  # of one upload
BLOCK = 1024**2
BUCKET_HELP = "create the bucket with iam/stack.yml, or set batch_location in do/config.toml"


@dataclass(frozen=True)
class Stored:
    """Objects in S3: their number, their size in bytes, and the key of the first one."""

    count: int
    size: int
    first: str


def parts(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an s3:// address."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def kind(name: str) -> tuple[str, bool]:
    """Return the content type of a file name, "" if it is unknown, and whether it is compressed."""
    path = Path(name)
    compressed = path.suffix == ".gz"
    suffix = Path(path.stem).suffix if compressed else path.suffix
    return requests.CONTENT_TYPES.get(suffix, ""), compressed


def check(path: Path, content_type: str, split: bool, most_mb: int) -> tuple[int, bool]:
    """Return the rows of a file (0 for other formats than lines), and whether it must be split at line ends.

    `split` is whether it can be. A CSV file with a header fits into one request or is refused, because the
    header would be in the first one alone. Raise Failure (usage) for data that no request can have.
    """
    most = most_mb * MIB
    size, rows, longest, first = 0, 0, 0, list[bytes]()
    try:
        with closing(_opened(path)) as file:
            for line in file if content_type in SPLIT else iter(lambda: file.read(BLOCK), b""):
                size, longest = size + len(line), max(longest, len(line))
                rows += bool(line.strip())
                first += [line] if len(first) < 2 else []
    except OSError as error:
        raise Failure(USAGE, "unreadable-data", f"cannot read {path}", str(error), "fix the path") from None
    if not rows:
        raise Failure(USAGE, "no-data", f"{path} has no rows", f"{size} bytes", "add rows")
    header = content_type == SPLIT[0] and _has_header(first)
    if content_type in SPLIT and split and not header:
        if longest > most:
            seen = f"a row has {longest} bytes, max_payload_mb = {most_mb}"
            raise Failure(
                USAGE, "too-large", f"a row of {path} is too large", seen, "increase max_payload_mb"
            )
        return rows, True
    if size > most:
        reason = (
            "its first line is a header, which only the first request would have"
            if header
            else "it is not split"
        )
        next_step = "remove the header, or write .jsonl with the names of the columns in each row"
        next_step = next_step if header else "use .csv or .jsonl, which are split, or increase max_payload_mb"
        seen = f"it has {size / MIB:.1f} MB, max_payload_mb = {most_mb}; {reason}"
        raise Failure(USAGE, "too-large", f"{path} does not fit into one request", seen, next_step)
    return (rows - header if content_type in SPLIT else 0), False


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _has_header(lines: list[bytes]) -> bool:
    """Return whether the first of two lines has names where the second has numbers."""
    if len(lines) < 2:
        return False
    names, values = ([cell.strip(b' "') for cell in line.strip().split(b",")] for line in lines)
    return not any(map(_is_number, names)) and any(map(_is_number, values)) and len(names) == len(values)


def _is_number(cell: bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def address(settings: Target, path: Path) -> str:
    """Return the s3:// address of a file in batch_location. It has a hash: other content, another address."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return f"s3://{settings.data_bucket}/{settings.data_prefix}input/{digest.hexdigest()[:16]}/{path.name}"


def upload(settings: Target, aws: Aws, path: Path, uri: str) -> None:
    """Copy a file to S3. Raise Failure (usage) if it is too large, AwsFailure."""
    if (size := path.stat().st_size) > MOST_BYTES:
        seen, next_step = f"{size / 1024**3:.1f} GiB", f"aws s3 cp {path} {uri}, then do/batch {uri}"
        raise Failure(USAGE, "too-large", f"{path} is too large for one upload", seen, next_step)
    bucket, key = parts(uri)
    with path.open("rb") as file:
        aws.call("s3", "put_object", Bucket=bucket, Key=key, Body=file, **_owner(settings))


def stored(settings: Target, aws: Aws, uri: str) -> Stored | None:
    """Return the objects that start with an address, None without permission to list them.

    Raise Failure (precondition) if there are none.
    """
    try:
        found = list(_listed(settings, aws, uri))
    except AwsFailure as error:
        if error.denied:
            return None
        raise
    if not found:
        raise Failure(PRECONDITION, "no-data", "no input in S3", uri, f"aws s3 ls {uri}")
    return Stored(len(found), sum(item["Size"] for item in found), found[0]["Key"])


def outputs(settings: Target, aws: Aws, uri: str) -> list[str]:
    """Return the addresses of the output files below an address."""
    bucket, _ = parts(uri)
    return [
        f"s3://{bucket}/{item['Key']}" for item in _listed(settings, aws, uri) if item["Key"].endswith(".out")
    ]


def read(settings: Target, aws: Aws, uri: str) -> Iterator[bytes]:
    """Yield the lines of an object without empty ones, which can follow a response. Raise AwsFailure."""
    bucket, key = parts(uri)
    answer = aws.call("s3", "get_object", Bucket=bucket, Key=key, **_owner(settings))
    with aws.explained("s3.get_object"):
        for line in answer["Body"].iter_lines(BLOCK, keepends=True):
            if line.strip():
                yield line if line.endswith(b"\n") else line + b"\n"


def _listed(settings: Target, aws: Aws, uri: str) -> Iterator[dict[str, Any]]:
    bucket, key = parts(uri)
    yield from aws.pages("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=key)


def _owner(settings: Target) -> dict[str, str]:
    """Return the expected owner of the bucket of iam/stack.yml, whose name others can guess."""
    return {} if settings.batch_location else {"ExpectedBucketOwner": settings.account}
