"""A fake of TensorRT-LLM's LLM API, limited to the functions that the rendered model.py uses.

It loads nothing. Its text contains the arguments and the request as JSON; a stream counts to max_tokens. It
rejects arguments and sampling parameters that this project does not use.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SECONDS = 0.05  # for a token
KNOWN = {
    "model",
    "revision",
    "tensor_parallel_size",
    "max_seq_len",
    "max_batch_size",
    "kv_cache_config",
    "backend",
}
SAMPLING = {
    *("max_tokens", "temperature", "top_p", "top_k", "seed", "stop"),
    *("repetition_penalty", "presence_penalty", "frequency_penalty"),
}


class SamplingParams:
    """The sampling parameters."""

    def __init__(self, **given: Any) -> None:
        if unknown := set(given) - SAMPLING:
            raise TypeError(f"SamplingParams got an unexpected keyword argument {unknown}")
        self.given = given
        self.max_tokens = int(given.get("max_tokens", 32))


class Output:
    """A response in progress."""

    def __init__(self, text: str, tokens: int) -> None:
        self.text, self.tokens = text, tokens

    async def aresult(self) -> Any:
        """Return the complete response after the time of its tokens."""
        await asyncio.sleep(SECONDS * self.tokens)
        return SimpleNamespace(outputs=[SimpleNamespace(text=self.text, text_diff=self.text)])

    async def __aiter__(self) -> AsyncIterator[Any]:
        for number in range(self.tokens):
            await asyncio.sleep(SECONDS)
            word = NUMBERS[number % len(NUMBERS)] + " "
            yield SimpleNamespace(outputs=[SimpleNamespace(text=word, text_diff=word)])


class LLM:
    """A model. Raise ValueError for unknown arguments, and for weights that are not JSON."""

    def __init__(self, **arguments: Any) -> None:
        if unknown := set(arguments) - KNOWN:
            raise ValueError(f"unknown arguments {unknown}")
        config = Path(str(arguments["model"])) / "config.json"
        if config.is_file():
            json.loads(config.read_text(errors="strict"))
        self.arguments = arguments

    def generate_async(self, prompt: str, sampling_params: SamplingParams, streaming: bool) -> Output:
        """Start a response."""
        told = {"prompt": prompt, "sampling": sampling_params.given, "model": self.arguments["model"]}
        return Output(json.dumps({**told, "arguments": self.arguments}), sampling_params.max_tokens)

    def shutdown(self) -> None:
        """Shut down."""
