"""Stands in for TensorRT-LLM's LLM API, as far as the rendered model.py uses it.

It loads nothing. Its text tells, as JSON, how it was started and asked; as a stream it counts to max_tokens.
It refuses arguments and sampling parameters that this project has no business with.
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
    """How text is made."""

    def __init__(self, **given: Any) -> None:
        if unknown := set(given) - SAMPLING:
            raise TypeError(f"SamplingParams got an unexpected keyword argument {unknown}")
        self.given = given
        self.max_tokens = int(given.get("max_tokens", 32))


class Output:
    """An answer on its way."""

    def __init__(self, text: str, tokens: int) -> None:
        self.text, self.tokens = text, tokens

    async def aresult(self) -> Any:
        """Return the whole answer, after as long as its tokens take."""
        await asyncio.sleep(SECONDS * self.tokens)
        return SimpleNamespace(outputs=[SimpleNamespace(text=self.text, text_diff=self.text)])

    async def __aiter__(self) -> AsyncIterator[Any]:
        for number in range(self.tokens):
            await asyncio.sleep(SECONDS)
            word = NUMBERS[number % len(NUMBERS)] + " "
            yield SimpleNamespace(outputs=[SimpleNamespace(text=word, text_diff=word)])


class LLM:
    """A model. Raises ValueError for arguments it does not know, and for weights that are no JSON."""

    def __init__(self, **arguments: Any) -> None:
        if unknown := set(arguments) - KNOWN:
            raise ValueError(f"unknown arguments {unknown}")
        config = Path(str(arguments["model"])) / "config.json"
        if config.is_file():
            json.loads(config.read_text(errors="strict"))
        self.arguments = arguments

    def generate_async(self, prompt: str, sampling_params: SamplingParams, streaming: bool) -> Output:
        """Start to answer."""
        told = {"prompt": prompt, "sampling": sampling_params.given, "model": self.arguments["model"]}
        return Output(json.dumps({**told, "arguments": self.arguments}), sampling_params.max_tokens)

    def shutdown(self) -> None:
        """End."""
