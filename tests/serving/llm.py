"""Projects of language models with the stub in the engine's place."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SERVERS = tuple(f"transformers-{name}" for name in ("vllm", "sglang", "tensorrt-llm", "lmi", "djl"))
BY_ROUTE = ("transformers-sglang", "transformers-tensorrt-llm")  # CustomAttributes choose the route
GPU = "NVIDIA L40S, 8.9"


def variables(project: Path, **changes: str) -> dict[str, str]:
    """Return the environment in which a project's serve finds the stub, and no model of its own."""
    stub = {"PATH": f"{project / 'do' / 'stub'}:{os.environ['PATH']}"}
    record = {"STUB_RECORD": str(project.parent / "record.json")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "SERVE_"))}
    return {**kept, "MODEL_DIR": str(project.parent / "no-model"), **stub, **record, **changes}


def start(project: Path, port: int, **changes: str) -> "subprocess.Popen[str]":
    """Start a project's serve on a port; stdout and stderr come through one pipe."""
    return subprocess.Popen(
        [sys.executable, "serving/serve", "serve"],
        cwd=project,
        env=variables(project, SAGEMAKER_BIND_TO_PORT=str(port), **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def record(project: Path) -> dict[str, Any]:
    """Return how the stub was called, {} when it was not."""
    path = project.parent / "record.json"
    text = path.read_text() if path.exists() else ""
    return dict(json.loads(text)) if text else {}


def model(directory: Path, **config: Any) -> Path:
    """Make a model's files, as SageMaker brings them; no weights worth the name."""
    directory.mkdir(parents=True, exist_ok=True)
    shape = {"architectures": ["LlamaForCausalLM"], "num_attention_heads": 32, **config}
    (directory / "config.json").write_text(json.dumps(shape))
    (directory / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (directory / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return directory
