"""Serve a language model with the LLM API of TensorRT-LLM. Its arguments are in model.yaml."""

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
import yaml

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
# Sampling parameters of a request, and their types. TensorRT-LLM's SamplingParams has more.
SAMPLING = {
    "max_tokens": int,
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "seed": int,
    "repetition_penalty": float,
    "presence_penalty": float,
    "frequency_penalty": float,
    "stop": str,
}


class TritonPythonModel:
    """Triton calls `initialize` once, and `execute` with new requests."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model, and start the event loop that answers concurrent requests."""
        from tensorrt_llm import LLM

        settings = yaml.safe_load(Path(__file__).resolve().with_name("model.yaml").read_text("utf-8"))
        model = os.environ.get("SERVE_MODEL", settings["model"])  # set by serving/serve
        if model != settings["model"]:
            settings = {**settings, "model": model, "revision": None}
        try:
            self.llm = LLM(**settings)
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            raise pb_utils.TritonModelException(f"cannot use {settings['model']}: {reason}") from None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def execute(self, requests: list[Any]) -> None:
        """Start to answer requests. Each request has its own response sender."""
        for request in requests:
            asyncio.run_coroutine_threadsafe(self.answer(request), self.loop)

    async def answer(self, request: Any) -> None:
        """Send the text for one request: token by token if `stream` is true, otherwise as a whole."""
        sender = request.get_response_sender()
        try:
            prompt, stream = prompt_of(request)
            output = self.llm.generate_async(prompt, sampling_params=sampling(request), streaming=stream)
            if stream:
                async for part in output:
                    sender.send(response(part.outputs[0].text_diff))
            else:
                sender.send(response((await output.aresult()).outputs[0].text))
        except Exception as error:
            failure = pb_utils.TritonError(f"{type(error).__name__}: {error}")
            sender.send(pb_utils.InferenceResponse(error=failure))
        sender.send(flags=FINAL)

    def finalize(self) -> None:
        """Stop the event loop and the model."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.llm.shutdown()


def prompt_of(request: Any) -> tuple[str, bool]:
    """Return the prompt of a request, and True if the response is to be streamed."""
    text = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy().flat[0]
    stream = pb_utils.get_input_tensor_by_name(request, "stream")
    return text.decode("utf-8"), bool(stream is not None and stream.as_numpy().flat[0])


def sampling(request: Any) -> Any:
    """Return the sampling parameters of a request. Raise ValueError if one is unknown or invalid."""
    from tensorrt_llm import SamplingParams

    given = json.loads(request.parameters() or "{}")
    if unknown := set(given) - set(SAMPLING):
        raise ValueError(f"unknown parameters: {', '.join(sorted(unknown))}; use {', '.join(SAMPLING)}")
    return SamplingParams(**{name: SAMPLING[name](value) for name, value in given.items()})


def response(text: str) -> Any:
    """Return a response with a piece of text."""
    return pb_utils.InferenceResponse([pb_utils.Tensor("text_output", np.array([text.encode()], np.object_))])
