"""The instance types of each Region: the default is one of them, and another one gets a warning."""

import shutil
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from catalog import refresh_offers
from extensions.mcc.catalog import catalog
from extensions.mcc.catalog.offers import offers
from extensions.mcc.interview import hosted_types
from tests.conftest import Render


def test_the_lists_name_known_regions_and_types() -> None:
    listed, types = offers(), set(catalog.instances())
    assert set(listed) == set(catalog.regions())
    assert all(each and each <= types for each in listed.values())
    assert hosted_types.has("us-east-1", "ml.g6e.xlarge") and not hosted_types.has(
        "eu-west-1", "ml.g6e.xlarge"
    )
    assert hosted_types.has("xx-west-9", "ml.g6e.xlarge"), "an unknown Region"
    assert hosted_types.has("eu-west-1", "ml.p3.2xlarge"), "a type without a price anywhere"


@pytest.mark.parametrize(
    ("region", "config"),
    [("eu-west-1", "transformers-vllm"), ("me-south-1", "http-fastapi"), ("us-east-1", "transformers-vllm")],
)
def test_the_default_is_a_type_of_the_region(render: Render, region: str, config: str) -> None:
    project = render("any", deployment_config=config, region=region, offline=True)
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert hosted_types.has(region, answers["instance_type"])


def test_a_type_that_the_region_does_not_have_gets_a_warning(
    template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(name: str, **data: Any) -> str:
        answers = {"deployment_config": "transformers-vllm", "offline": True, **data}
        copier.run_copy(
            str(template), tmp_path / name, data=answers, defaults=True, unsafe=True, skip_tasks=True
        )
        return " ".join(capsys.readouterr().err.split())

    chosen = {"region": "eu-west-1", "instance_type": "ml.g6e.xlarge"}
    about = "AWS's price list of 2026-10-20 has no endpoint on ml.g6e.xlarge in eu-west-1."
    warning = said("warned", **chosen)
    assert f"{about} Use -d instance_type=ml.g6.12xlarge, or a Region that has it (eu-central-1," in warning
    assert about not in said("default", region="eu-west-1")
    cluster = {"deployment_target": "hyperpod-eks", "hyperpod_cluster": "team", **chosen}
    assert about not in said("cluster", **cluster), "the list is of endpoints"


def test_the_lists_are_those_of_the_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = str(yaml.safe_load(refresh_offers.FILE.read_text())["source"]).split()[-5].rstrip(",")
    assert refresh_offers.main([package, "--check"]) == 0, capsys.readouterr().out
    file = tmp_path / "offers.yml"
    shutil.copy(refresh_offers.FILE, file)
    file.write_text(file.read_text().replace("eu-west-1: [", "eu-west-1: [g6, "))
    assert refresh_offers.main([package, "--check"], file) == 1
    assert refresh_offers.main([package], file) == 0
    assert file.read_text() == refresh_offers.FILE.read_text()
