"""Models on S3: looked up in moto's S3, and refused or explained where S3 refuses."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import copier
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
)
from moto import mock_aws

from extensions.mcc.errors.errors import InvalidAnswer, S3Error
from extensions.mcc.face import size
from extensions.mcc.models import lookup, model_config, s3
from tests.unit.test_facts import LLAMA

NAME = "s3://team-models/llama/v1/"
FOLDER = "llama/v1/"
WEIGHTS = b"w" * 4_000


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client: Any = boto3.client("s3")
        client.create_bucket(Bucket="team-models")
        yield client


def put(bucket: Any, **files: bytes | dict[str, Any]) -> None:
    for name, content in files.items():
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        file = name.replace("__", ".").replace("_of_", "-of-")
        bucket.put_object(Bucket="team-models", Key=FOLDER + file, Body=body)


def full(bucket: Any) -> None:
    put(bucket, config__json=LLAMA, model__safetensors=WEIGHTS, chat_template__jinja=b"{{ messages }}")


def test_a_model_is_known_without_typing_its_parameters(bucket: Any) -> None:
    full(bucket)
    bucket.put_object(Bucket="team-models", Key=f"{FOLDER}onnx/model.onnx", Body=b"x" * 9_000)
    found = lookup.model(NAME)
    assert found.shape == model_config.from_config(LLAMA, len(WEIGHTS))
    assert (found.architecture, found.chat_template, found.note) == ("LlamaForCausalLM", True, "")
    assert found.digest[:7] in found.source and len(found.digest) == 40
    assert lookup.from_answer(json.loads(json.dumps(found.answer()))) == found
    assert size.of_model(found).best


def test_a_copy_of_a_model_on_s3_names_its_digest(
    bucket: Any, template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full(bucket)
    data = {"deployment_config": "transformers-vllm", "model_name": NAME}
    copier.run_copy(str(template), tmp_path / "made", data=data, defaults=True, unsafe=True, skip_tasks=True)
    digest = s3.lookup(NAME).digest
    assert f"had the digest `{digest}`" in (tmp_path / "made" / "README.md").read_text()
    assert f'MODEL_DIGEST = "{digest}"' in (tmp_path / "made" / "do" / "lifecycle" / "chosen.py").read_text()
    assert f"files {digest[:7]} on S3" in capsys.readouterr().err


def test_the_files_of_the_index_are_the_weights(bucket: Any) -> None:
    full(bucket)
    shards = {"a": "model-1__safetensors", "b": "model-2__safetensors"}
    index = {
        "metadata": {"total_size": 1},
        "weight_map": {k: v.replace("__", ".") for k, v in shards.items()},
    }
    put(bucket, **dict.fromkeys(shards.values(), WEIGHTS))
    put(bucket, **{"model__safetensors__index__json": index})
    assert s3.lookup(NAME).weights_bytes == 2 * len(WEIGHTS)


def test_weights_of_pytorch_count_too(bucket: Any) -> None:
    put(
        bucket,
        config__json=LLAMA,
        pytorch_model__bin=WEIGHTS,
        tokenizer_config__json={"chat_template": "{{ x }}"},
    )
    found = s3.lookup(NAME)
    assert (found.weights_bytes, found.chat_template) == (len(WEIGHTS), True)


def test_the_digest_pins_the_files(bucket: Any) -> None:
    full(bucket)
    before = lookup.model(NAME)
    assert lookup.model(NAME, before.digest).shape == before.shape
    put(bucket, model__safetensors=b"other")
    with pytest.raises(InvalidAnswer, match=f"model_revision: .* not {before.digest}"):
        lookup.model(NAME, before.digest)


def test_an_adapter_is_refused_with_its_base_model(bucket: Any) -> None:
    put(
        bucket,
        adapter_config__json={"base_model_name_or_path": "Qwen/Qwen3-8B"},
        adapter_model__safetensors=WEIGHTS,
    )
    with pytest.raises(InvalidAnswer, match="an adapter of Qwen/Qwen3-8B"):
        lookup.model(NAME)


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_archived_files_are_refused(bucket: Any, storage_class: str) -> None:
    put(bucket, config__json=LLAMA)
    key = f"{FOLDER}model.safetensors"
    bucket.put_object(Bucket="team-models", Key=key, Body=WEIGHTS, StorageClass=storage_class)
    with pytest.raises(InvalidAnswer, match="archived in S3 Glacier"):
        lookup.model(NAME)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("s3://no-such-bucket/x/", "there is no bucket no-such-bucket"),
        ("s3://team-models/nothing/", "no files at"),
        ("s3://team-models/llama/v1/model.tar.gz", "is an archive"),
    ],
)
def test_what_is_not_there_is_explained(bucket: Any, name: str, said: str) -> None:
    full(bucket)
    found = lookup.model(name)
    assert found.shape is None and said in found.note and "\n" not in found.note


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_config_that_is_none_is_explained(bucket: Any, content: bytes) -> None:
    put(bucket, config__json=content)
    found = lookup.model(NAME)
    assert found.shape is None and "config.json of s3://team-models" in found.note


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "ListObjectsV2")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refused("AccessDenied"), "Allow s3:ListBucket on the bucket"),
        (refused("SlowDown"), "S3 answered SlowDown"),
        (NoCredentialsError(), "no AWS credentials"),
        (ProfileNotFound(profile="x"), "AWS_PROFILE names no profile"),
        (EndpointConnectionError(endpoint_url="x"), "no connection to S3"),
        (ConnectionResetError(), "no connection to S3"),
    ],
)
def test_a_failing_s3_is_explained(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, error: BotoCoreError | ClientError, said: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", fail)
    found = lookup.model(NAME)
    assert found.shape is None and said in found.note and len(found.note) < 330


def test_a_bucket_of_another_region_is_read_and_named(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    full(bucket)
    genuine = bucket.list_objects_v2(Bucket="team-models", Prefix=FOLDER, Delimiter="/")
    genuine["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] = "eu-west-1"
    body = json.dumps(LLAMA).encode()

    class Body:
        def read(self, _: int) -> bytes:
            return body

    def answer(_: object, operation: str, __: object) -> Any:
        return genuine if operation == "ListObjectsV2" else {"Body": Body()}

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", answer)
    found = lookup.model(NAME)
    assert found.shape and "set region=eu-west-1" in found.note


def test_an_s3_without_an_answer_ends_at_the_deadline(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", lambda *_, **__: time.sleep(30))
    started = time.monotonic()
    with pytest.raises(S3Error, match="in time"):
        s3.lookup(NAME, deadline=0.3)
    assert time.monotonic() - started < 5


def test_without_boto3_a_copy_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    assert "pip install boto3" in lookup.model(NAME).note


def test_the_files_show_an_embedding_model_and_its_length(bucket: Any) -> None:
    full(bucket)
    modules = json.dumps([{"type": "sentence_transformers.models.Pooling"}]).encode()
    put(bucket, modules__json=modules, sentence_bert_config__json={"max_seq_length": 512})
    found = lookup.model(NAME)
    assert found.kind == "embedding" and found.shape and found.shape.max_position_embeddings == 512
    put(bucket, modules__json=b"not JSON")
    assert "modules.json" in lookup.model(NAME).note and lookup.model(NAME).shape is None
