"""The version of a server that a user selects: rejected or warned about if it cannot load the model."""

from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier.errors import UserMessageError

from extensions.mcc.catalog import catalog
from tests.conftest import Render

LMI14 = next(i.image for i in catalog.servers()["transformers-lmi"].images if "lmi14" in i.image)
OFFLINE: dict[str, Any] = {"defaults": True, "unsafe": True, "skip_tasks": True}


@pytest.mark.parametrize(
    ("config", "image", "model"),
    [
        ("transformers-lmi", LMI14, "Qwen/Qwen3-8B"),
        ("transformers-vllm", "vllm/vllm-openai:v0.10.1", "Qwen/Qwen3.5-27B"),
        ("transformers-vllm", "vllm/vllm-openai:v0.32.0", "Qwen/Qwen-1_8B"),
    ],
)
def test_a_copy_refuses_a_version_that_cannot_load_the_model(
    render: Render, tmp_path: Path, config: str, image: str, model: str
) -> None:
    given = {"base_image": image} if image else {}
    with pytest.raises(UserMessageError, match=f"base_image: {model} does not load in .*\n.*\nUse "):
        render("chat", deployment_config=config, model_name=model, offline=True, **given)
    assert not (tmp_path / "chat").exists()


def test_a_copy_warns_of_an_old_version_and_of_risky_arguments(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = {
        "deployment_config": "transformers-vllm",
        "base_image": "vllm/vllm-openai:v0.10.1",
        "extra_arguments": "--trust-remote-code",
        "model_name": "openai/gpt-oss-20b",
        "offline": True,
    }
    copier.run_copy(str(template), tmp_path / "chat", data=data, **OFFLINE)
    said = capfd.readouterr().err
    left_out = "left out: vLLM 0.10.1 has no tool parser openai, which came with 0.10.2"
    assert left_out in " ".join(said.partition("  Tools:")[2].split())
    shown = said[said.index("  Warning:") : said.index("Next:")]
    assert "CVE-2026-22807" in shown and "--trust-remote-code runs code" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_what_was_decided_is_kept_with_a_warning(render: Render, capfd: pytest.CaptureFixture[str]) -> None:
    """An older project whose version cannot load its model by today's facts."""
    project = render("chat", deployment_config="transformers-lmi", offline=True)
    answers = project / ".copier-answers.yml"
    stored = yaml.safe_load(answers.read_text())
    answers.write_text(yaml.safe_dump({**stored, "base_image": LMI14}))
    copier.run_recopy(project, overwrite=True, **OFFLINE)
    assert yaml.safe_load(answers.read_text())["base_image"] == LMI14
    assert "does not load in LMI 0.32.0" in capfd.readouterr().err


def test_a_copy_asks_before_it_runs_code_from_a_repository(render: Render, tmp_path: Path) -> None:
    given = {"deployment_config": "transformers-vllm", "model_name": "internlm/internlm2_5-7b-chat"}
    with pytest.raises(UserMessageError, match=r"trust_remote_code: internlm.* needs Python"):
        render("chat", offline=True, **given)
    assert not (tmp_path / "chat").exists()
    settings = render("chat", offline=True, trust_remote_code=True, **given) / "serving" / "settings.toml"
    assert '"--trust-remote-code"' in settings.read_text()


@pytest.mark.parametrize(
    ("config", "repository"), [("transformers-vllm", "vllm"), ("transformers-sglang", "sglang")]
)
def test_an_image_of_aws_is_pulled_in_the_region(render: Render, config: str, repository: str) -> None:
    image = next(item.image for item in catalog.servers()[config].images if item.of_aws)
    project = render("chat", deployment_config=config, base_image=image, region="eu-west-1", offline=True)
    dockerfile = (project / "Dockerfile").read_text()
    assert f"FROM 763104351884.dkr.ecr.eu-west-1.amazonaws.com/{repository}:" in dockerfile
    assert dockerfile.rstrip().endswith('ENTRYPOINT ["/opt/program/serve"]\nCMD ["serve"]')
    assert ("STANDARD_AUTO_INSTALL_REQ=false" in dockerfile) == (repository == "vllm")
    assert (project / "iam" / "base_image.toml").exists()
