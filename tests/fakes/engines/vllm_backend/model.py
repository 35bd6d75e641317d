"""A fake of Triton's vLLM backend: its inputs, outputs and model.json, with the text of the fake LLM API.

It accepts only the vLLM arguments that a model.json of this project can have.
"""

import asyncio
import importlib
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np

pb_utils: Any = importlib.import_module(
    "triton_python_backend_utils"
)  # a module that tritonserver provides to models
tensorrt_llm: Any = importlib.import_module("tensorrt_llm")  # the fake LLM API

KNOWN = {"model", "revision", "tensor_parallel_size", "max_model_len", "max_num_seqs"}
KNOWN |= {"gpu_memory_utilization", "kv_cache_dtype"}


class TritonPythonModel:
    """Like the vLLM backend: decoupled, with a response for each piece of text and an empty last one."""

    @staticmethod
    def auto_complete_config(config: Any) -> Any:
        config.add_input({"name": "text_input", "data_type": "TYPE_STRING", "dims": [1]})
        config.add_input({"name": "stream", "data_type": "TYPE_BOOL", "dims": [1], "optional": True})
        config.add_output({"name": "text_output", "data_type": "TYPE_STRING", "dims": [-1]})
        config.set_model_transaction_policy({"decoupled": True})
        config.set_max_batch_size(0)
        return config

    def initialize(self, args: dict[str, str]) -> None:
        path = Path(args["model_repository"]) / args["model_version"] / "model.json"
        self.settings = json.loads(path.read_text())
        if unknown := set(self.settings) - KNOWN:
            raise pb_utils.TritonModelException(f"unknown arguments {unknown}")
        self.llm = tensorrt_llm.LLM(model=self.settings["model"])
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            asyncio.run_coroutine_threadsafe(self.answer(request), self.loop)

    async def answer(self, request: Any) -> None:
        sender = request.get_response_sender()
        try:
            text = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy().flat[0].decode()
            stream = pb_utils.get_input_tensor_by_name(request, "stream")
            parameters = tensorrt_llm.SamplingParams(**json.loads(request.parameters() or "{}"))
            output = self.llm.generate_async(text, parameters, bool(stream))
            if stream is not None and stream.as_numpy().flat[0]:
                async for part in output:
                    sender.send(self.response(part.outputs[0].text_diff))
            else:
                told = json.loads((await output.aresult()).outputs[0].text)
                sender.send(self.response(json.dumps({**told, "arguments": self.settings})))
        except Exception as error:
            sender.send(pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error))))
        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def response(self, text: str) -> Any:
        return pb_utils.InferenceResponse([pb_utils.Tensor("text_output", np.array([text], np.object_))])
