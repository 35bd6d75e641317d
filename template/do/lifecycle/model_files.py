# Part of the library: `copier update` replaces this file.
"""The check of a model's files in S3 before a deployment."""

import hashlib

from lifecycle import chosen
from lifecycle.aws import Aws
from lifecycle.project import ERROR, OK, WARNING, Finding, finding


def pinned(source: str) -> str:
    """Return the digest that the files at an address had when they were looked up, '' if they were not."""
    return chosen.MODEL_DIGEST if source.rstrip("/") == chosen.HUB_MODEL.rstrip("/") else ""


def on_s3(source: str, aws: Aws) -> Finding:
    """Return whether an address in S3 has files, and whether they changed since they were looked up."""
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    if not (wanted := pinned(source)):
        any_object = aws.call("s3", "list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)
        files, digest = bool(any_object.get("KeyCount")), ""
    else:
        folder = f"{prefix.rstrip('/')}/"
        request = {"Bucket": bucket, "Prefix": folder, "Delimiter": "/"}
        lines = sorted(
            f"{item['Key'].rpartition('/')[2]} {item['ETag']}"  # as in the look-up of `copier copy`
            for item in aws.pages("s3", "list_objects_v2", "Contents", **request)
            if item["Key"] != folder
        )
        files, digest = bool(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()[:40]
    if not files:
        return finding("model-source", ERROR, "no model found in S3", source, f"aws s3 ls {source}")
    if digest == wanted:
        return finding("model-source", OK, "model", source)
    what = f"the files in {source} changed since the copy"
    seen = f"their digest is {digest}, not {wanted}; new instances load the changed files"
    next_step = f"copier update -d model_revision={digest}, which looks them up and sizes them again"
    return finding("model-source", WARNING, what, seen, next_step)
