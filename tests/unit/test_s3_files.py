"""A model's file on S3: downloaded from moto's S3, inspected, copied, removed; refused where S3 refuses."""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import copier
import pytest
from botocore.exceptions import ClientError, IncompleteReadError, NoCredentialsError
from copier.errors import UserMessageError
from moto import mock_aws

from extensions.mcc.errors.errors import S3Error
from extensions.mcc.face import inspect_model
from extensions.mcc.interview import model_path
from extensions.mcc.models import s3_files

ADDRESS = "s3://team-models/churn/model.txt"
MODEL = (
    b"tree\nversion=v4\nnum_class=1\nmax_feature_idx=1\nfeature_names=a b\n"
    b"feature_infos=[0:1] [0:1]\n\nend of trees\n"
)
CALL = "botocore.client.BaseClient._make_api_call"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with mock_aws():
        client: Any = boto3.client("s3")
        client.create_bucket(Bucket="team-models")
        client.put_object(Bucket="team-models", Key="churn/model.txt", Body=MODEL)
        yield client
    for address in list(s3_files._folders):
        s3_files.forget(address)


def left(tmp_path: Path) -> list[str]:
    """Return the files and folders that a download left behind."""
    return os.listdir(tmp_path / "temporary")


def conf(tmp_path: Path, **given: str) -> dict[str, Any]:
    return {
        "dst_path": tmp_path / "made",
        "answers_file": ".copier-answers.yml",
        "overwrite": False,
        "data": given,
    }


def answering(body: Any, size: int, **more: str) -> Any:
    def answer(*_: object, **__: object) -> dict[str, Any]:
        return {"Body": body, "ContentLength": size, **more}

    return answer


def failing(error: BaseException) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "GetObject")


def test_a_copy_has_the_model_of_an_archive_on_s3(bucket: Any, template: Path, tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_bytes(MODEL)
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "model.txt", "model.txt")
    body = (tmp_path / "model.tar.gz").read_bytes()
    bucket.put_object(Bucket="team-models", Key="model.tar.gz", Body=body)
    data = {"model_path": "s3://team-models/model.tar.gz"}
    copier.run_copy(str(template), tmp_path / "made", data=data, defaults=True, unsafe=True, quiet=True)
    assert (tmp_path / "made" / "model" / "model.txt").read_bytes() == MODEL
    answers = (tmp_path / "made" / ".copier-answers.yml").read_text()
    assert "model_path: s3://team-models/model.tar.gz" in answers and "framework: lightgbm" in answers
    assert "copied_from" in (tmp_path / "made" / "model" / "about.json").read_text()
    (folder,) = left(tmp_path)  # until the end of the process
    modules = [found for name, found in sys.modules.items() if name.endswith("models.s3_files")]
    for module in modules:
        module.forget(data["model_path"])
    assert folder.startswith("model-") and left(tmp_path) == []


AT_EXIT = """
import sys
from extensions.mcc.models import s3_files
s3_files.download = lambda address, target: target.write_text(address)
s3_files.fetch("s3://team-models/model.txt", offline=False)
print(s3_files.local("s3://team-models/model.txt"))
sys.exit(1)
"""


def test_the_end_of_the_process_removes_the_file() -> None:
    done = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, text=True)
    written = Path(done.stdout.strip())
    assert done.returncode == 1 and written.name == "model.txt" and not written.parent.exists()


def test_an_inspection_removes_the_file(bucket: Any, tmp_path: Path) -> None:
    inspected = inspect_model.inspect(ADDRESS)
    assert inspected.answers["framework"] == "lightgbm" and not inspected.problem
    assert left(tmp_path) == []


def test_a_typed_address_is_downloaded_once_and_by_the_next_question(bucket: Any, tmp_path: Path) -> None:
    typed = conf(tmp_path)
    assert model_path.path_problem(ADDRESS[:-4], "http-fastapi", typed) == "" and left(tmp_path) == []
    assert model_path.stated(ADDRESS, "framework", "http-fastapi", typed) == "lightgbm"
    bucket.delete_object(Bucket="team-models", Key="churn/model.txt")
    assert model_path.stated(ADDRESS, "model_format", "lightgbm", typed) == "txt"
    assert "framework=sklearn does not serve" in model_path.format_problem(ADDRESS, "sklearn", "pkl", typed)


def test_an_update_downloads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_files, "fetch", failing(AssertionError()))
    existing = {**conf(tmp_path), "overwrite": True}
    assert model_path.stated(ADDRESS, "framework", "http-fastapi", existing) == ""


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://no-such-bucket/model.txt", "there is no bucket no-such-bucket"),
        ("s3://team-models/churn", "there is no object churn. Check the address. A folder is not downloaded"),
        ("s3://team-models/churn/", "aws s3 cp --recursive s3://team-models/churn/ churn/"),
        ("s3://team-models", "a folder or bucket is not downloaded"),
    ],
)
def test_what_is_not_there_is_refused(bucket: Any, tmp_path: Path, address: str, said: str) -> None:
    (problem,) = model_path.problems({"model_path": address})
    assert said in problem and problem.count("model_path: ") == 1 and left(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refused("AccessDenied"), "Allow s3:ListBucket on the bucket, s3:GetObject"),
        (refused("InvalidObjectState"), "archived in S3 Glacier"),
        (refused("PermanentRedirect"), "S3 answered PermanentRedirect to read churn/model.txt. Download it"),
        (NoCredentialsError(), "was not downloaded: no AWS credentials"),
        (ConnectionResetError(), "no connection to S3"),
    ],
)
def test_a_failing_s3_is_explained(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str
) -> None:
    monkeypatch.setattr(CALL, failing(error))
    (problem,) = model_path.problems({"model_path": ADDRESS})
    assert said in problem and "model_name" not in problem and left(tmp_path) == []


def test_an_archived_object_is_refused(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Bucket="team-models", Key="old.txt", Body=MODEL, StorageClass="DEEP_ARCHIVE")
    with pytest.raises(S3Error, match="archived in S3 Glacier"):
        s3_files.fetch("s3://team-models/old.txt", offline=False)
    assert left(tmp_path) == []


def test_a_truncated_or_large_or_slow_object_is_refused(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stalled(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            time.sleep(0.2)
            return b"x"

    class Cut(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise IncompleteReadError(actual_bytes=5, expected_bytes=9)

    for body, said in ((io.BytesIO(b"short"), "ended after 5 of 9 bytes"), (Cut(), "no connection to S3")):
        monkeypatch.setattr(CALL, answering(body, 9))
        with pytest.raises(S3Error, match=said):
            s3_files.fetch(ADDRESS, offline=False)
    monkeypatch.setattr(CALL, answering(io.BytesIO(), s3_files.LARGEST + 1))
    with pytest.raises(S3Error, match="has 10,000 MB, and up to 10,000 MB"):
        s3_files.fetch(ADDRESS, offline=False)
    monkeypatch.setattr(CALL, answering(Stalled(), 9))
    with pytest.raises(S3Error, match=r"was not complete after 0\.3 s"):
        s3_files.download(ADDRESS, tmp_path / "model.txt", seconds=0.3)
    monkeypatch.setattr(CALL, answering(io.BytesIO(), 9))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1))
    with pytest.raises(S3Error, match="Set TMPDIR"):
        s3_files.fetch(ADDRESS, offline=False)
    assert left(tmp_path) == []


def test_a_long_download_reports_its_progress(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(s3_files, "QUIET_S", -1.0)
    s3_files.fetch(ADDRESS, offline=False)
    assert f"model_path: 0 of 0 MB of {ADDRESS}" in capsys.readouterr().err


def test_offline_and_without_boto3_the_command_is_shown(
    bucket: Any, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = f"aws s3 cp {ADDRESS} model.txt"
    data = {"model_path": ADDRESS, "offline": "true"}
    with pytest.raises(UserMessageError, match=f"which offline=true does not read. .*{by_hand}"):
        copier.run_copy(str(template), tmp_path / "made", data=data, defaults=True, unsafe=True, quiet=True)
    assert not (tmp_path / "made").exists()
    monkeypatch.setitem(sys.modules, "boto3", None)
    (problem,) = model_path.problems({"model_path": ADDRESS})
    assert "pip install boto3" in problem and by_hand in problem and left(tmp_path) == []
