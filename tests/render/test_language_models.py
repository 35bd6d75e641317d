"""Projects of language models: complete, small, and with nothing of the servers not chosen."""

import re
import tomllib
from xml.etree import ElementTree

import pytest
import yaml

from tests import ownership
from tests.conftest import Render
from tests.render.checks import check_scripts, check_text, copy_sources, files_of
from tests.render.language_models import LANGUAGE_MODELS, SERVERS, language_model

WORDS = {  # that only projects of a server may hold
    "vllm": ("vllm",),
    "sglang": ("sglang",),
    "tensorrt-llm": ("tensorrt", "trtllm"),
    "lmi": ("lmi", "djl-inference"),
    "djl": ("transformers behind", "djl-serving:"),
}
NEUTRAL = {
    ("lmi", "vllm"),
    ("djl", "vllm"),
    ("djl", "lmi"),
}  # LMI has vLLM in it, DJL Serving's note names what it lacks


@pytest.mark.parametrize("variant", LANGUAGE_MODELS)
def test_a_language_model_project_is_complete_and_holds_nothing_else(render: Render, variant: str) -> None:
    project = render("chat", **language_model(variant))
    files, of_library = files_of(project), ownership.files(project)
    server = str(language_model(variant)["deployment_config"]).removeprefix("transformers-")
    others = [name for name in SERVERS if name != server and (server, name) not in NEUTRAL]
    forbidden = [
        "sklearn",
        "flask",
        "gunicorn",
        "abalone",
        *(word for name in others for word in WORDS[name]),
    ]
    for path in files:
        check_text(path)
        if of_library[path.relative_to(project).as_posix()]:
            continue
        for word in forbidden:
            assert not re.search(rf"\b{word}", path.read_text(), re.IGNORECASE), f"{path} speaks of {word}"
    sent = (project / ".dockerignore").read_text().splitlines()
    for source in copy_sources((project / "Dockerfile").read_text()):
        assert (project / source).exists(), f"the Dockerfile copies {source}, which is not there"
        assert f"!{source.rstrip('/')}" in sent, f"the builder is not sent {source}"
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    settings = tomllib.loads((project / "serving" / "settings.toml").read_text())
    assert settings["model"] == stored["model_name"]
    assert settings.get("max_model_len", stored["max_model_len"]) == stored["max_model_len"]
    assert settings["tensor_parallel_size"] == stored["engine_settings"]["tensor_parallel_size"]
    assert stored["instance_type"] in (project / "README.md").read_text()
    check_scripts(project)
    assert ownership.unmarked(project) == []
    picture = ElementTree.parse(project / "memory.svg").getroot()
    assert stored["instance_type"] in "".join(picture.itertext())
    assert not {"framework", "need", "hf_token", "predictive"} & set(stored)
    ownership.assert_small(project)


def test_a_gpu_without_bfloat16_computes_in_float16(
    render: Render, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {"model_name": "Qwen/Qwen3-0.6B", "instance_type": "ml.g4dn.xlarge", "max_concurrency": 4}
    project = render("chat", **language_model("default"), **answers)
    settings = tomllib.loads((project / "serving" / "settings.toml").read_text())
    assert settings["extra_arguments"] == ["--dtype", "half"]
    assert max(settings["compute_capability"].values()) <= 7.5  # which a T4 has
    assert "NVIDIA T4 has no bfloat16" in (project / "README.md").read_text()
