"""An unmodified OpenAI client uses the servers through nginx: chats, streams, tools, completions, errors."""

import openai
import pytest

from tests.conftest import Render
from tests.serving.language_models import serving

CONFIGS = ("transformers-vllm", "transformers-sglang", "transformers-tensorrt-llm")  # LMI and DJL have no /v1
MODEL = "Qwen/Qwen3-8B"
PARAMETERS: dict[str, object] = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize("config", CONFIGS)
def test_the_openai_client_works_unmodified(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project) as (_, port):
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)
        (model,) = client.models.list().data
        assert model.id == MODEL and model.object == "model"
        chats(client)
        tools(client)
        completions(client)
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model=MODEL, messages=[])
        assert caught.value.body and caught.value.response.json()["error"]["message"]
        if config == "transformers-vllm":  # others answer to any name
            with pytest.raises(openai.NotFoundError):
                client.chat.completions.create(model="other", messages=[{"role": "user", "content": "Hi"}])


def chats(client: openai.OpenAI) -> None:
    """Assert that a chat and its stream have text, an identity, an end and a usage."""
    whole = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hi"}], max_completion_tokens=5, n=2
    )
    assert whole.id.startswith("chatcmpl-") and whole.created and whole.model == MODEL
    assert [choice.finish_reason for choice in whole.choices] == ["length", "length"]
    assert whole.choices[0].message.content and whole.usage and whole.usage.completion_tokens == 10
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Hi"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    *parts, usage = list(stream)
    assert len({part.id for part in (*parts, usage)}) == 1
    assert parts[0].choices[0].delta.role == "assistant"
    assert "".join(part.choices[0].delta.content or "" for part in parts).startswith("This is a fixed answer")
    assert parts[-1].choices[0].finish_reason == "stop"
    assert not usage.choices and usage.usage and usage.usage.completion_tokens == 16


def tools(client: openai.OpenAI) -> None:
    """Assert that the client parses a call of a tool, as a whole and from a stream."""
    with client.chat.completions.stream(
        model=MODEL,
        messages=[{"role": "user", "content": "Weather in Paris?"}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}],
    ) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert len(calls) == 1
    call = calls[0]
    assert call.function.name == "weather" and call.function.arguments == '{"city": "Paris"}'
    assert final.choices[0].finish_reason == "tool_calls"


def completions(client: openai.OpenAI) -> None:
    """Assert that a completion and its stream have text and an end."""
    whole = client.completions.create(model=MODEL, prompt="One, two", max_tokens=3)
    assert whole.id.startswith("cmpl-") and whole.object == "text_completion"
    assert whole.choices[0].text == "This is a" and whole.choices[0].finish_reason == "length"
    parts = list(client.completions.create(model=MODEL, prompt="One, two", max_tokens=3, stream=True))
    assert "".join(part.choices[0].text for part in parts) == "This is a "
    assert parts[-1].choices[0].finish_reason == "length"
