# Part of the library: `copier update` replaces this file.
"""The requests for a model and its batch transform jobs, from the settings alone."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from lifecycle.sagemaker.specification import DesiredState, Request, model_of
from lifecycle.transform.target import Target

# The content type of the output for each of the input, and whether a file of it is split at line ends.
CSV, LINES, JSON, NUMPY = "text/csv", "application/jsonlines", "application/json", "application/x-npy"
OUTPUTS = {CSV: CSV, LINES: LINES, JSON: JSON, NUMPY: JSON}
SPLIT = (CSV, LINES)


@dataclass(frozen=True)
class Data:
    """The input of a job: all objects whose addresses start with `source`, and their format.

    If it is split, each line is a record. `join` adds the predictions to the records; `input_filter` and
    `output_filter` (JSONPath, "" for all) select what the model gets and what is written.
    """

    source: str
    content_type: str
    split: bool
    gzip: bool = False
    join: bool = False
    input_filter: str = ""
    output_filter: str = ""


def desired(settings: Target, image: str) -> DesiredState:
    """Return the request that creates the model of an image, without tags."""
    model = model_of(settings, image)
    return [("model", model["ModelName"], model)]


def reserved(settings: Target) -> str:
    """Return how a job sends requests, in a line."""
    at_once = settings.max_concurrent_transforms
    requests = "1 request" if at_once == 1 else f"{at_once} requests"
    return f"{requests} at a time to each instance, of up to {settings.max_payload_mb} MB"


def new_name(settings: Target) -> str:
    """Return a name for a job. Names cannot be used again, so it has the time and a random number."""
    return f"{settings.job_prefix}{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"


def job(settings: Target, name: str, model: str, data: Data, output: str) -> Request:
    """Return the request that starts a job, without tags; `output` is an s3:// address."""
    key = settings.kms_key
    lines = {"SplitType": "Line"} if data.split else {"SplitType": "None"}
    processing = {
        **({"InputFilter": data.input_filter} if data.input_filter else {}),
        **({"OutputFilter": data.output_filter} if data.output_filter else {}),
        **({"JoinSource": "Input"} if data.join else {}),
    }
    return {
        "TransformJobName": name,
        "ModelName": model,
        "MaxConcurrentTransforms": settings.max_concurrent_transforms,
        "MaxPayloadInMB": settings.max_payload_mb,
        "ModelClientConfig": {
            "InvocationsTimeoutInSeconds": int(settings.invoke_seconds),
            "InvocationsMaxRetries": settings.invocation_retries,
        },
        # Without a split, a file is one request, for which there is no strategy.
        **({"BatchStrategy": settings.batch_strategy} if data.split else {}),
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data.source}},
            "ContentType": data.content_type,
            "CompressionType": "Gzip" if data.gzip else "None",
            **lines,
        },
        "TransformOutput": {
            "S3OutputPath": output,
            "Accept": OUTPUTS[data.content_type],
            "AssembleWith": "Line" if data.split else "None",
            **({"KmsKeyId": key} if key else {}),
        },
        "TransformResources": {
            "InstanceType": settings.instance_type,
            "InstanceCount": settings.instance_count,
            **({"VolumeKmsKeyId": key} if key else {}),
        },
        **({"DataProcessing": processing} if processing else {}),
    }
