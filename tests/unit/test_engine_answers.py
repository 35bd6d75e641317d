"""Other inputs of inference servers: extra arguments, a chat template, a token."""

from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from extensions.mcc.errors.errors import InvalidAnswer
from extensions.mcc.interview import chat_templates
from extensions.mcc.servers import extra_arguments
from tests.fakes.hub import Hub, Model
from tests.unit.test_facts import LLAMA

VLLM, LMI = "transformers-vllm", "transformers-lmi"
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
REFUSED = {
    "no flag": (VLLM, "prefix-caching", "does not begin with --"),
    "ours": (VLLM, "--max-model-len 4096", "is set by the container, from max_model_len"),
    "ours with =": (VLLM, "--max-model-len=4096", "is set by the container, from max_model_len"),
    "ours with _": (VLLM, "--max_model_len 4096", "is set by the container, from max_model_len"),
    "ours, cut short": (VLLM, "--max-model 4096", "is set by the container, from max_model_len"),
    "ours, after others": (VLLM, "--seed 1 --port 9", "is set by the container, from port"),
    "a flag for secrets": (VLLM, "--api-key x", "takes a secret"),
    "a secret": (VLLM, "--served hf_abcdefghijklmnopqrst", "contains a secret"),
    "an open quote": (VLLM, "--override '{", "no closing quotation"),
    "two lines": (VLLM, "--seed 1\n--x", "not one line"),
    "no text": (VLLM, 7, "is not a text"),
    "too long": (VLLM, "--x " * 2000, "at most 4000 characters"),
    "no variable": (LMI, "--seed 1", "is not NAME=value"),
    "our variable": (LMI, "HF_MODEL_ID=gpt2", "is set by the container, from model"),
    "our variable by another name": (LMI, "OPTION_MODEL_ID=gpt2", "is set by the container, from model"),
    "a variable for secrets": (LMI, "OPTION_API_KEY=x", "takes a secret"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_extra_arguments_are_refused_with_a_reason_and_an_example(case: str) -> None:
    server, text, words = REFUSED[case]
    said = extra_arguments.problem(text, server)
    assert said.startswith("extra_arguments: ") and words in said
    assert "Example: " in said or "hf_token_secret_arn" in said


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (VLLM, ""),
        (VLLM, "--enable-prefix-caching --tool-call-parser hermes"),
        (VLLM, """--override-generation-config '{"temperature": -1}'"""),
        (VLLM, "--seed -1"),
        (LMI, "OPTION_ENABLE_PREFIX_CACHING=true 'OPTION_X=a b'"),
    ],
)
def test_what_an_engine_may_be_given(server: str, text: str) -> None:
    assert extra_arguments.problem(text, server) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{% for message in messages %}", "is no Jinja template"),
        ("Hello {{ name }}", "does not use messages"),
        (TEMPLATE + " " * chat_templates.LONGEST, "more than 65536"),
    ],
)
def test_a_malformed_chat_template_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text(text)
    with pytest.raises(InvalidAnswer, match=words):
        chat_templates.look_up(str(file), "", True, VLLM)


def test_a_template_may_use_what_transformers_knows(tmp_path: Path) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text(
        "{% for m in messages %}{% generation %}{{ m }}{% endgeneration %}{% break %}{% endfor %}"
    )
    assert chat_templates.look_up(str(file), "", True, VLLM)["text"] == file.read_text()


@pytest.mark.parametrize(
    "answer", ["/nowhere/chat.jinja", "chat.jinja", "no/such.jinja", "gpt2", "team/model"]
)
def test_without_the_hub_a_template_is_a_file(answer: str) -> None:
    with pytest.raises(InvalidAnswer, match="there is no file"):
        chat_templates.look_up(answer, "", True, VLLM)


def with_template(template: Any) -> Model:
    return Model(files={"config.json": LLAMA, "tokenizer_config.json": {"chat_template": template}})


def test_a_template_is_read_from_the_tokenizer_of_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    named = [{"name": "tool_use", "template": "{{ tools }}"}, {"name": "default", "template": TEMPLATE}]
    models = {
        "team/chat": with_template(TEMPLATE),
        "team/several": with_template(named),
        "team/base": Model(files={"config.json": LLAMA, "tokenizer_config.json": {}}),
        "team/broken": with_template("{% if %}"),
    }
    with Hub(models) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for name in ("team/chat", "team/several"):
            found = chat_templates.look_up(name, "", False, VLLM)
            assert found == {"source": name, "text": TEMPLATE}
        for name, words in (
            ("team/base", "team/base has none"),
            ("team/broken", "is no Jinja template"),
            ("team/missing", "chat_template: "),
        ):
            with pytest.raises(InvalidAnswer, match=words):
                chat_templates.look_up(name, "", False, VLLM)


def test_a_server_without_chats_takes_no_template() -> None:
    with pytest.raises(InvalidAnswer, match="does not support chat requests"):
        chat_templates.look_up("team/chat", "", False, "transformers-djl")


def test_a_gated_model_without_a_token_is_told_at_copy_time(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf-token-a1b2c3"
    monkeypatch.setenv("HF_TOKEN", "hf_granted")
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "skip_tasks": True}
    known = {"hf_granted"}
    model = Model(files={"config.json": LLAMA}, gated="manual")
    with Hub({"team/gated": model}, tokens=known, granted=known) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for secret, told in (("", True), (arn, False)):
            data = {"deployment_config": VLLM, "model_name": "team/gated", "hf_token_secret_arn": secret}
            project = tmp_path / f"chat-{told}".lower()
            copier.run_copy(str(template), project, data={**data, "chat_template": "none"}, **options)
            said = "team/gated is gated" in capfd.readouterr().err
            assert said == told
            stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
            assert stored["model_facts"]["gated"] is True and "hf_granted" not in str(stored)
