"""do/doctor and do/build on the base image of a Dockerfile: does it load the model, is it vulnerable?"""

import json
from pathlib import Path
from typing import Any

import pytest
from lifecycle import base_image
from lifecycle.project import ERROR, NOT_CHECKED, OK, WARNING, Failure

from extensions.mcc.catalog import catalog
from extensions.mcc.models import lookup
from extensions.mcc.servers import image_table

VLLM = "transformers-vllm"


def written(tables: dict[str, Any]) -> str:
    """Return a table as TOML; values in JSON are values in TOML, except mappings."""
    return "\n".join(
        "\n".join([f"[[{name}]]", *(f"{key} = {shown(value)}" for key, value in row.items())])
        for name, rows in tables.items()
        if isinstance(rows, list)
        for row in rows
    )


def shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {json.dumps(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(base_image, "PROJECT", tmp_path)
    monkeypatch.setattr(base_image, "TABLE", tmp_path / "base_images.toml")

    def findings(image: str, config: str = VLLM, model: str = "Qwen/Qwen3-8B") -> dict[str, Any]:
        facts = lookup.model(model, offline=True).answer() if model else {}
        table = image_table.table(config, catalog.default_image(config), "us-east-1", facts, "")
        (tmp_path / "base_images.toml").write_text(written(table))
        (tmp_path / "Dockerfile").write_text(f"# a comment\nFROM --platform=linux/amd64 {image} AS base\n")
        return {item.id: item for item in base_image.findings()}

    return findings


def test_the_default_image_is_fine(found: Any) -> None:
    checks = found(catalog.default_image(VLLM))
    assert checks["base-image"].severity == OK and "vllm 0.31.0" in checks["base-image"].seen
    base_image.require()


def test_an_image_that_cannot_load_the_model_is_an_error_and_not_built(found: Any) -> None:
    checks = found("vllm/vllm-openai:v0.10.1", model="Qwen/Qwen3.5-27B")
    assert checks["base-image"].severity == ERROR and "came with vLLM 0.17.0" in checks["base-image"].seen
    assert checks["base-image"].next.endswith("base_image=vllm/vllm-openai:v0.31.0")
    with pytest.raises(Failure, match="cannot load the model"):
        base_image.require()


def test_the_vulnerabilities_of_the_version_in_the_dockerfile_are_named(found: Any) -> None:
    old = found("vllm/vllm-openai:v0.10.1")["vulnerabilities-vllm"]
    assert old.severity == WARNING and "CVE-2026-22807" in old.cause and "closed here" in old.seen
    assert "CVE-2026-22778" not in old.cause  # needs images or video
    media = found("vllm/vllm-openai:v0.10.1", model="Qwen/Qwen2.5-VL-7B-Instruct")["vulnerabilities-vllm"]
    assert "CVE-2026-22778" in media.cause
    triton = found("nvcr.io/nvidia/tritonserver:24.08-py3", "triton-fil", "")["vulnerabilities-triton"]
    assert "CVE-2025-23310" in triton.cause and triton.next.startswith("fixed in 26.06")


def test_an_image_that_is_not_known_is_not_judged(found: Any) -> None:
    assert found("mine/vllm:1")["base-image"].severity == NOT_CHECKED
    base_image.require()
