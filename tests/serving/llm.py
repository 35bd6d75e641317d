"""Projects of language models with a stub of the inference server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SERVERS = tuple(f"transformers-{name}" for name in ("vllm", "sglang", "tensorrt-llm", "lmi", "djl"))
BY_ROUTE = ("transformers-sglang", "transformers-tensorrt-llm")  # CustomAttributes select the route
GPU = "NVIDIA L40S, 8.9"


def variables(project: Path, **changes: str) -> dict[str, str]:
    """Return an environment in which serve finds the stub and no model."""
    stub = {"PATH": f"{project / 'do' / 'stub'}:{os.environ['PATH']}"}
    record = {"STUB_RECORD": str(project.parent / "record.json")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "SERVE_"))}
    return {**kept, "MODEL_DIR": str(project.parent / "no-model"), **stub, **record, **changes}


def start(project: Path, port: int, **changes: str) -> "subprocess.Popen[str]":
    """Start the serve of a project on a port, with stdout and stderr in one pipe."""
    return subprocess.Popen(
        [sys.executable, "serving/serve", "serve"],
        cwd=project,
        env=variables(project, SAGEMAKER_BIND_TO_PORT=str(port), **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def record(project: Path) -> dict[str, Any]:
    """Return the record of the stub, {} if it was not called."""
    path = project.parent / "record.json"
    text = path.read_text() if path.exists() else ""
    return dict(json.loads(text)) if text else {}


def model(directory: Path, **config: Any) -> Path:
    """Create the files of a model, with empty weights, as SageMaker downloads them."""
    directory.mkdir(parents=True, exist_ok=True)
    shape = {"architectures": ["LlamaForCausalLM"], "num_attention_heads": 32, **config}
    (directory / "config.json").write_text(json.dumps(shape))
    (directory / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (directory / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return directory
