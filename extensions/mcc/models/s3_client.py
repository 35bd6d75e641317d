"""The requests of one lookup on S3, and the messages of their failures. It loads boto3 when needed."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors.errors import S3Error

LARGEST_BODY = 10_000_000  # bytes, as for the Hugging Face Hub
MOST_PAGES = 5  # of 1,000 objects
READ_TIMEOUT_S = 4
REGION_HEADER = "x-amz-bucket-region"
NOT_FOUND, DENIED = ("NoSuchBucket", "404"), ("AccessDenied", "403", "AllAccessDisabled")
OFFLINE = "Set model_parameters and model_dtype to size the model without a lookup."


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

    def __init__(self, name: str, bucket: str, end: float) -> None:
        self.name, self.bucket, self.end, self.region = name, bucket, end, ""
        try:
            import boto3
            from botocore import exceptions
            from botocore.config import Config
        except ImportError:
            raise S3Error(
                f"model_name: {name} was not looked up: boto3 is not installed. "
                "Run `pip install boto3` where copier is, or set model_parameters and model_dtype."
            ) from None
        self.errors = exceptions
        config = Config(
            connect_timeout=READ_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": 2},
            user_agent_extra="ml-container-creator",
        )
        with self._explained("open a session"):
            session = boto3.Session()
            self.session_region = str(session.region_name or "")
            self.client: Any = session.client(
                "s3", config=config, region_name=self.session_region or "us-east-1"
            )

    def listed(self, prefix: str) -> Iterator[Object]:
        """Yield the objects directly below a prefix. Raises S3Error."""
        token: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            with self._explained(f"list {prefix or 'the bucket'}"):
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
        with self._explained(f"read {key}"):
            body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"]
            content = bytes(body.read(LARGEST_BODY + 1))
        if len(content) > LARGEST_BODY:
            raise S3Error(f"model_name: {key} in {self.name} is over {LARGEST_BODY // 10**6} MB. {OFFLINE}")
        return content

    def _explained(self, action: str) -> "_Explained":
        return _Explained(self, action)


class _Explained:
    """Turns the failures of boto3 within it into S3Error, and refuses to start after the deadline."""

    def __init__(self, client: S3Client, action: str) -> None:
        self.client, self.action = client, action

    def __enter__(self) -> None:
        if time.monotonic() > self.client.end:
            raise S3Error(f"model_name: {self.client.name}: no complete answer from S3 in time. {OFFLINE}")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        errors = self.client.errors
        if isinstance(error, errors.ClientError):
            raise S3Error(self._refused(error)) from None
        if isinstance(error, errors.BotoCoreError | OSError | ValueError):
            raise S3Error(self._failed(error)) from None

    def _refused(self, error: Any) -> str:
        name, bucket = self.client.name, self.client.bucket
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in NOT_FOUND:
            return f"model_name: {name}: there is no bucket {bucket}. Check the address."
        if code == "NoSuchKey":
            return f"model_name: {name}: an object was removed in the meantime. Run the command again."
        if code in DENIED:
            rights = (
                "s3:ListBucket on the bucket, s3:GetObject on its objects, and kms:Decrypt on its key if "
            )
            rights += "they are encrypted with one"
            return f"model_name: {name}: access denied to {self.action}. Allow {rights}."
        return f"model_name: {name}: S3 answered {code or 'an error'} to {self.action}. {OFFLINE}"

    def _failed(self, error: BaseException) -> str:
        kind = type(error).__name__
        if kind in ("NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError"):
            advice = "Log in to AWS, set AWS_PROFILE, or give offline=true"
            return f"model_name: {self.client.name} was not looked up: no AWS credentials. {advice}."
        if kind == "ProfileNotFound":
            return f"model_name: {self.client.name}: AWS_PROFILE names no profile. Correct it."
        return f"model_name: {self.client.name}: no connection to S3 ({kind}). Check the network. {OFFLINE}"
