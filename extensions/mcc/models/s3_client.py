"""Requests to S3 for a model, and the messages of their failures. It loads boto3 when needed."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors.errors import S3Error

LARGEST_BODY = 10_000_000  # bytes, as for the Hugging Face Hub
MOST_PAGES = 5  # of 1,000 objects
READ_TIMEOUT_S = 4
REGION_HEADER = "x-amz-bucket-region"
ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
ARCHIVED_TEXT = (
    "archived in S3 Glacier, where SageMaker cannot read it. "
    "Restore it to S3 Standard, for example with `aws s3 cp --storage-class STANDARD`"
)
NOT_FOUND, DENIED = ("NoSuchBucket", "404"), ("AccessDenied", "403", "AllAccessDisabled")
OFFLINE = "Set model_parameters and model_dtype to size the model without a lookup."


@dataclass(frozen=True)
class Purpose:
    """The purpose of requests, in messages: the question, and the next step where S3 gives no answer."""

    question: str = "model_name"
    done: str = "looked up"
    offline: str = OFFLINE
    without_boto3: str = "or set model_parameters and model_dtype"
    without_login: str = "or give offline=true"
    missing: str = "an object was removed in the meantime. Run the command again."


LOOKUP = Purpose()


@dataclass(frozen=True)
class Object:
    """An object of a bucket."""

    key: str
    size: int
    etag: str
    storage_class: str


class S3Client:
    """Requests to one bucket until `end` of time.monotonic. `region` is known after the first answer.

    boto3 follows a redirect to the bucket's region by itself. Raises S3Error when it cannot be loaded.
    """

    def __init__(self, name: str, bucket: str, end: float, purpose: Purpose = LOOKUP) -> None:
        self.name, self.bucket, self.end, self.region = name, bucket, end, ""
        self.purpose = purpose
        try:
            import boto3
            from botocore import exceptions
            from botocore.config import Config
        except ImportError:
            raise S3Error(
                f"{purpose.question}: {name} was not {purpose.done}: boto3 is not installed. "
                f"Run `pip install boto3` where copier is, {purpose.without_boto3}."
            ) from None
        self.errors = exceptions
        config = Config(
            connect_timeout=READ_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": 2},
            user_agent_extra="ml-container-creator",
        )
        with self.explained("open a session"):
            session = boto3.Session()
            self.session_region = str(session.region_name or "")
            self.client: Any = session.client(
                "s3", config=config, region_name=self.session_region or "us-east-1"
            )

    def listed(self, prefix: str) -> Iterator[Object]:
        """Yield the objects directly below a prefix. Raises S3Error."""
        token: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            with self.explained(f"list {prefix or 'the bucket'}"):
                page = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, Delimiter="/", **token)
            headers = page.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            self.region = str(headers.get(REGION_HEADER, self.region))
            for found in page.get("Contents", []):
                if found["Key"] != prefix:
                    yield Object(
                        found["Key"], found["Size"], found["ETag"], found.get("StorageClass", "STANDARD")
                    )
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}
        raise S3Error(f"model_name: more than {MOST_PAGES * 1000:,} files at {self.name}. {OFFLINE}")

    def content(self, key: str) -> bytes:
        """Return the content of an object. Raises S3Error."""
        with self.explained(f"read {key}"):
            body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"]
            content = bytes(body.read(LARGEST_BODY + 1))
        if len(content) > LARGEST_BODY:
            raise S3Error(f"model_name: {key} in {self.name} is over {LARGEST_BODY // 10**6} MB. {OFFLINE}")
        return content

    def explained(self, action: str) -> "_Explained":
        """Return a context in which failures of boto3 become an S3Error that names the action."""
        return _Explained(self, action)


class _Explained:
    """Turns the failures of boto3 within it into S3Error, and refuses to start after the deadline."""

    def __init__(self, client: S3Client, action: str) -> None:
        self.client, self.action = client, action

    def __enter__(self) -> None:
        if time.monotonic() > self.client.end:
            raise S3Error(f"{self._about()}: no complete answer from S3 in time. {self._otherwise()}")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        errors = self.client.errors
        if isinstance(error, errors.ClientError):
            raise S3Error(self._refused(error)) from None
        if isinstance(error, errors.BotoCoreError | OSError | ValueError):
            raise S3Error(self._failed(error)) from None

    def _about(self) -> str:
        return f"{self.client.purpose.question}: {self.client.name}"

    def _otherwise(self) -> str:
        return self.client.purpose.offline

    def _refused(self, error: Any) -> str:
        about, bucket = self._about(), self.client.bucket
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in NOT_FOUND:
            return f"{about}: there is no bucket {bucket}. Check the address."
        if code == "InvalidObjectState":
            return f"{about} is {ARCHIVED_TEXT}"
        if code == "NoSuchKey":
            return f"{about}: {self.client.purpose.missing}"
        if code in DENIED:
            rights = (
                "s3:ListBucket on the bucket, s3:GetObject on its objects, and kms:Decrypt on its key if "
            )
            rights += "they are encrypted with one"
            return f"{about}: access denied to {self.action}. Allow {rights}."
        return f"{about}: S3 answered {code or 'an error'} to {self.action}. {self._otherwise()}"

    def _failed(self, error: BaseException) -> str:
        kind, purpose = type(error).__name__, self.client.purpose
        if kind in ("NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError"):
            advice = f"Log in to AWS, set AWS_PROFILE, {purpose.without_login}"
            return f"{self._about()} was not {purpose.done}: no AWS credentials. {advice}."
        if kind == "ProfileNotFound":
            return f"{self._about()}: AWS_PROFILE names no profile. Correct it."
        return f"{self._about()}: no connection to S3 ({kind}). Check the network. {self._otherwise()}"
