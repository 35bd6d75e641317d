"""SageMaker: transform jobs, which run a model on objects in S3.

Facts from the API reference of CreateTransformJob. The words of most messages are from public reports of jobs
that failed; those about fields that do not fit together are invented. A job has one instance, whatever the
number in its request, and sends one request at a time.
"""

import gzip
import json
import re
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from moto.s3.models import s3_backends

from tests.fakes.aws.account import transform_quota
from tests.fakes.aws.containers import Container, Launch, StartError, is_well
from tests.fakes.aws.ecr import image_fault
from tests.fakes.aws.listing import listed
from tests.fakes.aws.models import find_model
from tests.fakes.aws.resources import Job, now, tags_of
from tests.fakes.aws.rollout import PING_EVERY_SECONDS
from tests.fakes.aws.wire import ACCOUNT, Refusal, Request, invalid, operation
from tests.fakes.aws.world import Region, World
from tests.fakes.batch import TransformJob

LOG_GROUP = "/aws/sagemaker/TransformJobs"
MOST_MB, MOST_INSTANCES = 100, 100
DEFAULT_MB, DEFAULT_AT_ONCE = 6, 1
JOINED = ("text/csv", "application/json", "application/jsonlines")
SEE_LOGS = "See job logs for more information"
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML "
    "instance type."
)
PING_SECONDS = 60.0


class _Failed(Exception):
    """The reason of a job that failed."""


@operation("sagemaker", "CreateTransformJob")
def create_job(world: World, request: Request) -> dict[str, Any]:
    region, parameters = world.region(request.region), request.parameters
    name, arn = parameters["TransformJobName"], _arn(request)
    if name in region.jobs:
        message = "Job name must be unique within an AWS account and region, and a job with this name already"
        raise Refusal("ResourceInUse", f"{message} exists ({arn})")
    find_model(region, request)
    _check(parameters)
    _check_quota(world, region, parameters["TransformResources"])
    for key in (parameters["TransformResources"], parameters["TransformOutput"]):
        named = key.get("VolumeKmsKeyId") or key.get("KmsKeyId")
        if named and region.keys.get(named) != "Enabled":
            raise invalid(f"The KMS key {named} does not exist in {region.name}, or it is not enabled.")
    job = region.jobs[name] = Job(name, arn, parameters, tags_of(parameters))
    arguments = (world, region, job, world.short_of_capacity)
    threading.Thread(target=_work, args=arguments, daemon=True).start()
    return {"TransformJobArn": arn}


def _check(parameters: dict[str, Any]) -> None:
    """Raise Refusal for values that do not fit together."""
    size = parameters.get("MaxPayloadInMB", DEFAULT_MB)
    if size > MOST_MB:
        raise invalid(f"MaxPayloadInMB must not be greater than {MOST_MB}.")
    if parameters.get("MaxConcurrentTransforms", DEFAULT_AT_ONCE) * size > MOST_MB:
        raise invalid(f"MaxConcurrentTransforms * MaxPayloadInMB must not be greater than {MOST_MB} MB.")
    source, output = parameters["TransformInput"], parameters["TransformOutput"]
    split = source.get("SplitType", "None")
    if parameters.get("BatchStrategy") and split == "None":
        raise invalid("BatchStrategy requires SplitType Line, RecordIO or TFRecord.")
    uris = (source["DataSource"]["S3DataSource"]["S3Uri"], output["S3OutputPath"])
    for uri in uris:
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", uri):
            raise invalid(f"Invalid S3 URI: {uri}")
    if source["DataSource"]["S3DataSource"]["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise invalid("S3DataType must be S3Prefix or ManifestFile.")
    if parameters["TransformResources"]["InstanceCount"] > MOST_INSTANCES:
        raise invalid(f"InstanceCount must not be greater than {MOST_INSTANCES}.")
    joins = parameters.get("DataProcessing", {}).get("JoinSource") == "Input"
    fits = source.get("ContentType") in JOINED and output.get("AssembleWith", "None") == split
    if joins and not fits:
        raise invalid("JoinSource Input requires CSV or JSON, and the same SplitType and AssembleWith.")


def _check_quota(world: World, region: Region, resources: dict[str, Any]) -> None:
    kind, wanted = resources["InstanceType"], resources["InstanceCount"]
    running = [job.request["TransformResources"] for job in region.jobs.values() if job.ended is None]
    used = sum(item["InstanceCount"] for item in running if item["InstanceType"] == kind)
    limit = int(transform_quota(world, kind))
    if used + wanted > limit:
        raise Refusal(
            "ResourceLimitExceeded",
            f"The account-level service limit '{kind} for transform job usage' is {limit} Instances, with "
            f"current utilization of {used} Instances and a request delta of {wanted} Instances. Please use "
            "AWS Service Quotas to request an increase for this quota.",
        )


@operation("sagemaker", "DescribeTransformJob")
def describe_job(world: World, request: Request) -> dict[str, Any]:
    job = _find(world.region(request.region), request)
    described = {name: value for name, value in job.request.items() if name != "Tags"}
    times = {"TransformStartTime": job.started, "TransformEndTime": job.ended}
    described |= {name: moment for name, moment in times.items() if moment}
    described |= {"FailureReason": job.failure_reason} if job.failure_reason else {}
    return described | {
        "TransformJobArn": job.arn,
        "TransformJobStatus": job.status,
        "CreationTime": job.created,
    }


@operation("sagemaker", "ListTransformJobs")
def list_jobs(world: World, request: Request) -> dict[str, Any]:
    def summary(job: Job) -> dict[str, Any]:
        names = {"TransformJobName": job.name, "TransformJobArn": job.arn, "TransformJobStatus": job.status}
        return names | {"CreationTime": job.created}

    return listed(
        world.region(request.region).jobs.values(), request.parameters, summary, "TransformJobSummaries"
    )


@operation("sagemaker", "StopTransformJob")
def stop_job(world: World, request: Request) -> None:
    job = _find(world.region(request.region), request)
    if job.status != "InProgress":
        raise invalid(f"The request was rejected because the transform job is in status {job.status}.")
    job.status = "Stopping"
    job.stopped.set()


def _find(region: Region, request: Request) -> Job:
    name = request.parameters["TransformJobName"]
    if name not in region.jobs:
        raise Refusal("ResourceNotFound", f'Could not find transform job "{_arn(request)}".')
    return region.jobs[name]


def _arn(request: Request) -> str:
    return request.arn("sagemaker", f"transform-job/{request.parameters['TransformJobName'].lower()}")


def _work(world: World, region: Region, job: Job, short: bool) -> None:
    """Run a job in its thread, from its instances to its output."""
    stopped = job.stopped.wait(world.settings.job_seconds)
    reason: str | None = None
    if not stopped:
        try:
            if short:
                raise _Failed(NO_CAPACITY)
            job.started = now()
            written = _transformed(world, region, job)
            if world.settings.job_reason:
                raise _Failed(world.settings.job_reason)
            if not job.stopped.is_set():
                for bucket, key, body in written:
                    s3_backends[ACCOUNT]["aws"].put_object(bucket, key, body)
        except _Failed as failed:
            reason = str(failed)
    with world.lock:
        world.dispose(job.container)
        job.container = None
        if job.stopped.is_set():
            job.end("Stopped")
        else:
            job.end("Failed" if reason else "Completed", reason)


def _transformed(world: World, region: Region, job: Job) -> list[tuple[str, str, bytes]]:
    """Return the bucket, key and content of each output object. Raise _Failed."""
    container, request = _started(world, region, job), job.request
    source, output = request["TransformInput"], request["TransformOutput"]
    bucket, _, prefix = source["DataSource"]["S3DataSource"]["S3Uri"].removeprefix("s3://").partition("/")
    buckets = s3_backends[ACCOUNT]["aws"].buckets
    keys = buckets[bucket].keys if bucket in buckets else {}
    objects = {key: item.value for key, item in keys.items() if key.startswith(prefix)}
    target, _, place = output["S3OutputPath"].removeprefix("s3://").partition("/")
    if not objects or target not in buckets:
        where = f"s3://{bucket}/{prefix}" if not objects else output["S3OutputPath"]
        raise _Failed(f"ClientError: No S3 objects found under S3 URL {where}")
    settings = f"MaxConcurrentTransforms={request.get('MaxConcurrentTransforms', DEFAULT_AT_ONCE)}, "
    settings += f"MaxPayloadInMB={request.get('MaxPayloadInMB', DEFAULT_MB)}"
    _log(world, region, job, settings)
    written = []
    for key, body in sorted(objects.items()):
        body = gzip.decompress(body) if source.get("CompressionType") == "Gzip" else body
        name = f"{place.rstrip('/')}/{key.rpartition('/')[2]}.out".lstrip("/")
        written.append((target, name, _predicted(world, region, job, container, f"{bucket}/{key}", body)))
    return written


def _started(world: World, region: Region, job: Job) -> Container:
    """Return the healthy container of a job. Raise _Failed."""
    model = region.models.get(job.request["ModelName"])
    if model is None:
        _log(world, region, job, f"Could not find model {job.request['ModelName']}")
        raise _Failed(f"AlgorithmError: {SEE_LOGS}")
    container = model.container
    if fault := image_fault(world, container["Image"]):
        raise _Failed(f"ClientError: {fault}")
    environment = {**container.get("Environment", {}), "SAGEMAKER_BATCH": "true"}
    try:
        launch = Launch(container["Image"], environment, container.get("ArtifactUrl"))
        job.container = world.runner.start(launch)
    except StartError as error:
        raise _Failed(f"AlgorithmError: {error}") from None
    world.follow(job.container, region.name, LOG_GROUP, f"{job.name}/i-0123456789abcdef0-1")
    limit = time.monotonic() + (world.settings.startup_limit_seconds or PING_SECONDS)
    while not is_well(job.container.url):
        if job.stopped.is_set() or job.container.ended() or time.monotonic() > limit:
            raise _Failed(f"AlgorithmError: {SEE_LOGS}")
        job.stopped.wait(PING_EVERY_SECONDS)
    return job.container


def _predicted(world: World, region: Region, job: Job, container: Container, name: str, body: bytes) -> bytes:
    """Return the output of an object. Raise _Failed at the first request that the container rejects."""
    request = job.request
    source, output = request["TransformInput"], request["TransformOutput"]
    split, processing = source.get("SplitType", "None") == "Line", request.get("DataProcessing", {})
    ends = b"\n" if output.get("AssembleWith") == "Line" else b""
    strategy, size = request.get("BatchStrategy", "MultiRecord"), request.get("MaxPayloadInMB", DEFAULT_MB)
    splitter = TransformJob(strategy=strategy, payload_mb=size)
    try:
        payloads = list(splitter.payloads(body)) if split else [body]
    except ValueError as error:
        _log(world, region, job, f"{name}: {error}")
        raise _Failed(f"ClientError: {SEE_LOGS}") from None
    answers = []
    for payload in payloads:
        if job.stopped.is_set():
            break
        sent = _filtered(payload, processing.get("InputFilter", "$"))
        answer = _post(world, region, job, container, name, sent)
        answers.append(_joined(payload, answer, processing) if processing else answer)
    return b"".join(answer + ends for answer in answers)


def _post(world: World, region: Region, job: Job, container: Container, name: str, body: bytes) -> bytes:
    source, output = job.request["TransformInput"], job.request["TransformOutput"]
    headers = {"Content-Type": source.get("ContentType", ""), "Accept": output.get("Accept", "*/*")}
    request = urllib.request.Request(f"{container.url}/invocations", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        _log(world, region, job, f"{name}: ClientError: {error.code}", f"{name}: Message:", f"{name}: {text}")
        raise _Failed(f"AlgorithmError: {SEE_LOGS}") from None


def _filtered(rows: bytes, path: str) -> bytes:
    """Return rows of CSV with the columns of a JSONPath such as $[1:] or $[0,-1]."""
    if path == "$":
        return rows
    cells = re.fullmatch(r"\$\[(?:(-?\d*):(-?\d*)|(-?\d+(?:,-?\d+)*))\]", path)
    if cells is None:
        raise _Failed(f"ClientError: the fake has no filter {path}")
    lines = []
    for line in rows.decode().splitlines():
        row = line.split(",")
        if cells[3]:
            kept = [row[int(place)] for place in cells[3].split(",")]
        else:
            kept = row[int(cells[1]) if cells[1] else None : int(cells[2]) if cells[2] else None]
        lines.append(",".join(kept) + "\n")
    return "".join(lines).encode()


def _joined(rows: bytes, answer: bytes, processing: dict[str, str]) -> bytes:
    """Return the answers, after the rows of CSV or in the objects of JSON Lines, filtered."""
    if processing.get("JoinSource") == "Input":
        pairs = list(zip(rows.decode().split("\n"), answer.decode().split("\n"), strict=False))
        as_json = rows.lstrip().startswith(b"{")
        lines = [
            json.dumps({**json.loads(row), "SageMakerOutput": json.loads(result)})
            if as_json
            else f"{row},{result}"
            for row, result in pairs
            if row.strip()
        ]
        answer = "".join(f"{line}\n" for line in lines).encode()
    return _filtered(answer, processing.get("OutputFilter", "$"))


def _log(world: World, region: Region, job: Job, *lines: str) -> None:
    """Write lines to the log of the requests of a job."""
    moment = int(time.time() * 1000)
    found = [(moment, f"{now():%Y-%m-%dT%H:%M:%S}.000:[sagemaker logs]: {line}") for line in lines]
    world.log(region.name, LOG_GROUP, f"{job.name}/i-0123456789abcdef0-1/data-log", found)
