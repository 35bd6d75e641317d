"""instances.yml is refreshed from AWS, keeps facts that AWS does not state, and survives AWS's failures."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.config import Config

from catalog import aws_instances, refresh_instances
from extensions.mcc.catalog.catalog import instances
from tests.conftest import REPOSITORY
from tests.fakes.aws_catalog import AwsCatalog, described, product, serving

NVIDIA = {"manufacturer": "NVIDIA", "count": 1}
A10G = {**NVIDIA, "name": "A10G", "memoryInfo": {"sizeInMiB": 22888}}
B300 = {**NVIDIA, "name": "B300", "memoryInfo": {"sizeInMiB": 275036}}
NEW_GPU = {**NVIDIA, "name": "R100", "memoryInfo": {"sizeInMiB": 294912}}
INFERENTIA2 = {"name": "Inferentia2", "count": 6, "memoryInfo": {"sizeInMiB": 32768}}
GAUDI = {"name": "Gaudi HL-205", "manufacturer": "Habana", "count": 8, "memoryInfo": {"sizeInMiB": 32768}}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AwsCatalog]:
    types = {
        "t2.medium": described(2, 4096, ("i386", "x86_64"), burstable=True),
        "m5.xlarge": described(4, 16896),
        "c7g.large": described(2, 4096, ("arm64",)),
        "g5.xlarge": described(4, 16384, gpuInfo={"gpus": [A10G]}),
        "inf2.24xlarge": described(96, 393216, neuronInfo={"neuronDevices": [INFERENTIA2]}),
        "dl1.24xlarge": described(96, 786432, gpuInfo={"gpus": [GAUDI]}),
        "p5.48xlarge": described(192, 2097152),
        "p6-b300.48xlarge": described(192, 4194304, gpuInfo={"gpus": [B300]}, supportedInRegion=False),
    }
    products = [
        product("ml.t2.medium", "0.0560000000"),
        product("ml.m5.xlarge", "0.2350000000"),
        product("ml.m5.xlarge", "0.2990000000", region="eu-west-1"),
        product("ml.m5.xlarge", "0.1990000000", component="Training"),
        product("ml.g5.xlarge", "1.4080000000"),
        product("ml.p6e-gb200.36xlarge", "99.5000000000"),
        product("ml.c7g.large", "0.0870000000"),
        product("ml.c7g.large", "0.0990000000"),
    ]
    with serving(AwsCatalog(types, products)) as catalog:
        for name in ("AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL_PRICING"):
            monkeypatch.setenv(name, catalog.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-example")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        impatient = Config(read_timeout=1.0, retries={"mode": "standard", "total_max_attempts": 2})
        monkeypatch.setattr(aws_instances, "CLIENT", aws_instances.CLIENT.merge(impatient))
        yield catalog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(refresh_instances.INSTANCES, tmp_path))


def entries(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(path.read_text(), yaml.CSafeLoader)["instances"]
    return found


def test_specifications_and_prices_are_refreshed(aws: AwsCatalog, path: Path) -> None:
    before = entries(path)
    refresh_instances.main([], path)
    after = entries(path)
    assert list(after) == list(before)
    assert after["ml.m5.xlarge"] == {
        "vcpu": 4,
        "memory_gib": 16.5,
        "arch": "x86_64",
        "price": {"usd_h": 0.235, "estimated": False, "source": "pricing-api"},
        "source": "ec2-api",
    }
    assert after["ml.t2.medium"]["burstable"] is True
    assert after["ml.c7g.large"]["arch"] == "arm64"
    assert after["ml.p6e-gb200.36xlarge"]["price"]["usd_h"] == 99.5
    assert list(after["ml.p6e-gb200.36xlarge"]) == [
        "vcpu",
        "memory_gib",
        "arch",
        "price",
        "accelerator",
        "source",
    ]
    # Not offered in the Region of the prices, but still described.
    assert after["ml.p6-b300.48xlarge"]["source"] == "ec2-api"


def test_facts_that_aws_does_not_tell_stay(aws: AwsCatalog, path: Path) -> None:
    before = entries(path)
    refresh_instances.main([], path)
    after = entries(path)
    for name in ("ml.g5.xlarge", "ml.inf2.24xlarge"):
        assert after[name]["accelerator"] == before[name]["accelerator"]
    assert after["ml.dl1.24xlarge"]["accelerator"] == before["ml.dl1.24xlarge"]["accelerator"]
    assert after["ml.p6-b300.48xlarge"]["accelerator"]["count"] == 1
    assert after["ml.p6-b300.48xlarge"]["accelerator"]["compute_capability"] == 10.3


def test_what_aws_does_not_answer_for_stays_and_is_named(
    aws: AwsCatalog, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = entries(path)
    refresh_instances.main([], path)
    said = capsys.readouterr().err.splitlines()
    after = entries(path)
    assert after["ml.m5.large"] == before["ml.m5.large"]
    assert "ml.m5.large: EC2 does not describe it; its specification stays" in said
    assert after["ml.inf2.24xlarge"]["price"] == before["ml.inf2.24xlarge"]["price"]
    assert "ml.inf2.24xlarge: no price of hosting in us-east-1; the old one stays" in said
    assert after["ml.c7g.large"]["price"] == before["ml.c7g.large"]["price"]
    assert "ml.c7g.large: several prices, [0.087, 0.099]; the old one stays" in said
    assert after["ml.p5.48xlarge"]["accelerator"] == before["ml.p5.48xlarge"]["accelerator"]
    assert "ml.p5.48xlarge: EC2 lists no accelerator; the old one stays" in said
    assert not [line for line in said if line.startswith("ml.m5.xlarge")]


def test_the_file_keeps_its_form(aws: AwsCatalog, path: Path) -> None:
    before = path.read_text().splitlines()
    refresh_instances.main([], path)
    after = path.read_text().splitlines()
    assert after[:2] == before[:2]
    assert after[3] == f"date: {datetime.now(UTC).date()}"
    kept = [line for line in before if line in after]
    assert len(kept) > 0.9 * len(before)
    untouched = next(line for line in before if line.startswith("  ml.p3.16xlarge: "))
    assert untouched in after
    document = yaml.load(path.read_text(), yaml.CSafeLoader)
    assert {"ec2-api", "pricing-api", "karpenter", "ec2-based"} <= set(document["sources"])
    assert path.stat().st_mode == refresh_instances.INSTANCES.stat().st_mode
    assert list(path.parent.iterdir()) == [path]
    assert instances(path.parent)["ml.m5.xlarge"].memory_gib == 16.5


def test_a_source_that_nothing_is_from_any_more_is_dropped(aws: AwsCatalog, path: Path) -> None:
    text = path.read_text()
    quoted = [name for name, entry in entries(path).items() if "price-quoted" in str(entry)]
    aws.products += [product(name, "1.0000000000") for name in quoted]
    refresh_instances.main([], path)
    assert quoted and "price-quoted" in text and "price-quoted" not in path.read_text()


def test_a_new_type_takes_facts_from_one_with_the_same_accelerator(
    aws: AwsCatalog, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["ml.g5n.large", "ml.r1.large", "ml.ghost.large", *entries(path)]
    monkeypatch.setattr(refresh_instances, "hosting_types", lambda: names)
    aws.types["g5n.large"] = described(2, 8192, gpuInfo={"gpus": [A10G]})
    aws.types["r1.large"] = described(2, 8192, gpuInfo={"gpus": [NEW_GPU]})
    refresh_instances.main([], path)
    said = capsys.readouterr()
    after = entries(path)
    assert list(after) == [name for name in names if name != "ml.ghost.large"]
    assert after["ml.g5n.large"]["accelerator"] == after["ml.g5.xlarge"]["accelerator"]
    assert set(after["ml.r1.large"]["accelerator"]) == {"kind", "name", "count", "memory_gib"}
    assert after["ml.r1.large"]["accelerator"]["name"] == "NVIDIA R100"
    assert "ml.g5n.large: new" in said.out
    assert "ml.r1.large: nothing more is known of NVIDIA R100; add driver_visible_gib" in said.err
    assert "ml.ghost.large: not in EC2 or the file; skipped" in said.err


def test_a_type_that_botocore_does_not_list_stays_at_the_end(
    aws: AwsCatalog, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [name for name in entries(path) if name != "ml.m5.xlarge"]
    monkeypatch.setattr(refresh_instances, "hosting_types", lambda: names)
    refresh_instances.main([], path)
    assert list(entries(path)) == [*names, "ml.m5.xlarge"]
    assert entries(path)["ml.m5.xlarge"]["price"]["usd_h"] == 0.235
    assert "ml.m5.xlarge: botocore" in capsys.readouterr().err


def test_a_dry_run_tells_and_writes_nothing(
    aws: AwsCatalog, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = path.read_text()
    refresh_instances.main(["--dry-run"], path)
    said = capsys.readouterr().out.splitlines()
    assert path.read_text() == before
    assert "ml.m5.xlarge: memory_gib 16 -> 16.5, price.usd_h 0.23 -> 0.235" in said
    assert not [line for line in said if line.startswith("ml.g5.xlarge")]
    assert said[-1].endswith(" of 277 types change")


def test_all_pages_are_asked_for_in_filters_of_no_more_than_200(aws: AwsCatalog, path: Path) -> None:
    refresh_instances.main(["--dry-run"], path)
    ec2 = [call for service, call in aws.calls if service == "ec2"]
    sizes = [sum(key.startswith("Filter.1.Value.") for key in call) for call in ec2]
    assert set(sizes) == {200, 77}
    assert sum("NextToken" not in call for call in ec2) == 2
    assert sum("NextToken" in call for call in ec2) == 3
    assert sum(service == "pricing" for service, _ in aws.calls) == 3


@pytest.mark.parametrize("service", ["ec2", "pricing"])
@pytest.mark.parametrize("failure", ["throttle", "error", "hang"])
def test_a_passing_failure_is_tried_again(aws: AwsCatalog, path: Path, service: str, failure: str) -> None:
    aws.failures[service] = [failure]
    refresh_instances.main([], path)
    assert entries(path)["ml.m5.xlarge"]["price"]["usd_h"] == 0.235
    assert not aws.failures[service]


LASTING = [
    ("throttle", "limit exceeded"),
    ("error", "An error occurred"),
    ("hang", "Read timeout"),
    ("denied", "not authorized.* Allow ec2:DescribeInstanceTypes and pricing:GetProducts"),
    ("garbage", "Unable to parse response|the answer has no PriceList; is a proxy in between"),
]


@pytest.mark.parametrize("service", ["ec2", "pricing"])
@pytest.mark.parametrize(("failure", "message"), LASTING)
def test_a_lasting_failure_is_one_line_and_writes_nothing(
    aws: AwsCatalog, path: Path, service: str, failure: str, message: str
) -> None:
    before = path.read_text()
    aws.failures[service] = [failure] * 9
    started = time.monotonic()
    with pytest.raises(SystemExit, match=rf"instances\.yml stays as it was: .*({message})") as exit:
        refresh_instances.main([], path)
    assert time.monotonic() - started < 5
    assert "\n" not in str(exit.value) and "secret-example" not in str(exit.value)
    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path]


def test_answers_that_say_nothing_are_refused(aws: AwsCatalog, path: Path) -> None:
    products, aws.products = aws.products, []
    with pytest.raises(SystemExit, match="no prices of SageMaker hosting in us-east-1"):
        refresh_instances.main([], path)
    aws.products, aws.types = products, {}
    with pytest.raises(SystemExit, match="EC2 describes not one of the hosting types"):
        refresh_instances.main([], path)


def test_answers_of_another_form_are_refused(aws: AwsCatalog, path: Path) -> None:
    broken = product("ml.m5.large", "free of charge")
    aws.products.append(broken)
    with pytest.raises(SystemExit, match=r"a product of .* is not as documented .*free of charge"):
        refresh_instances.main([], path)
    aws.products.remove(broken)
    del aws.types["m5.xlarge"]["vCpuInfo"]
    with pytest.raises(SystemExit, match=r"EC2's description of m5\.xlarge lacks 'VCpuInfo'"):
        refresh_instances.main([], path)


def test_without_credentials_the_command_fails_in_one_line(aws: AwsCatalog) -> None:
    environ = {key: value for key, value in os.environ.items() if "KEY" not in key}
    command = [sys.executable, "catalog/refresh_instances.py", "--dry-run"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Unable to locate credentials. Log in (aws sso login) or set AWS_PROFILE" in done.stderr
    assert not aws.calls


def test_the_catalog_has_every_hosting_type_botocore_knows() -> None:
    """If this fails, boto3 has new types: run catalog/refresh_instances.py, which adds them."""
    known = aws_instances.hosting_types()
    assert len(known) >= 277
    assert not set(known) - set(instances())
