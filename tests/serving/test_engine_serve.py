"""The rendered serve of a language model: what it refuses, and what it becomes.

A recorder stands in for the engine: it writes down how it was called. It serves nothing.
"""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Render

RECORDER = '#!/bin/sh\nprintf \'%s\\n\' "$@" ${HF_TOKEN:+"HF_TOKEN=$HF_TOKEN"} > "$RECORD"\n'
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hf-token-a1b2c3"
TOKEN = "hf_known_to_the_secret"
SMI = '#!/bin/sh\nfor gpu in $(seq "$GPUS"); do echo "GPU $gpu: a stand-in"; done\n'


@pytest.fixture
def project(render: Render) -> Path:
    return render("chat", deployment_config="transformers-vllm", offline=True, model_revision="v1.0")


def serve(
    project: Path, *arguments: str, gpus: int = 1, **environ: str
) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    """Run serve with an engine that records its arguments; return how it ended, and them."""
    tools, record = project.parent / "tools", project.parent / "record"
    tools.mkdir(exist_ok=True)
    record.unlink(missing_ok=True)
    for name, text in (("python3", RECORDER), ("nvidia-smi", SMI)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    own = {"PATH": f"{tools}:{os.environ['PATH']}", "RECORD": str(record), "GPUS": str(gpus)}
    done = subprocess.run(
        [sys.executable, "serving/serve", *arguments],
        cwd=project,
        env={**os.environ, "MODEL_DIR": str(project.parent / "model"), **own, **environ},
        capture_output=True,
        text=True,
    )
    return done, record.read_text().splitlines() if record.exists() else []


def test_it_becomes_the_engine_with_the_settings_of_the_interview(project: Path) -> None:
    done, argv = serve(project, "serve")
    assert done.returncode == 0, done.stderr
    given = dict(zip(argv[2::2], argv[3::2], strict=True))
    assert argv[:2] == ["-m", "vllm.entrypoints.openai.api_server"]
    assert given == {
        "--host": "0.0.0.0",
        "--port": "8080",
        "--model": "Qwen/Qwen3-8B",
        "--served-model-name": "Qwen/Qwen3-8B",
        "--revision": "v1.0",
        "--tensor-parallel-size": "1",
        "--max-model-len": "8192",
        "--max-num-seqs": "16",
        "--gpu-memory-utilization": "0.9",
        "--kv-cache-dtype": "auto",
    }
    assert "serve: python3 -m vllm" in done.stdout


def test_sglang_is_told_the_same_in_its_own_words(render: Render) -> None:
    project = render("chat", deployment_config="transformers-sglang", offline=True)
    done, argv = serve(project, "serve", SERVING_KV_CACHE_DTYPE="fp8")
    assert done.returncode == 0, done.stderr
    given = dict(zip(argv[2::2], argv[3::2], strict=True))
    assert argv[:2] == ["-m", "sglang.launch_server"]
    assert given == {
        "--host": "0.0.0.0",
        "--port": "8080",
        "--model-path": "Qwen/Qwen3-8B",
        "--served-model-name": "Qwen/Qwen3-8B",
        "--tensor-parallel-size": "1",
        "--context-length": "8192",
        "--max-running-requests": "16",
        "--mem-fraction-static": "0.88",
        "--kv-cache-dtype": "fp8_e5m2",
    }


class Secrets(http.server.BaseHTTPRequestHandler):
    """Secrets Manager as far as one secret goes; any other is not found."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = asked == {"SecretId": ARN} and self.headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
        missing = {"__type": "ResourceNotFoundException", "message": "there is no such secret"}
        body = json.dumps({"SecretString": json.dumps({"HF_TOKEN": TOKEN})} if known else missing).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def secrets() -> Iterator[dict[str, str]]:
    """Return the environment in which boto3 finds the stand-in for Secrets Manager."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Secrets)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    yield {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    server.shutdown()


def test_the_token_is_read_from_its_secret_and_shown_nowhere(render: Render, secrets: dict[str, str]) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True, hf_token_secret_arn=ARN)
    assert "boto3==" in (project / "Dockerfile").read_text()
    done, argv = serve(project, gpus=1, **secrets)
    assert done.returncode == 0, done.stderr
    assert argv[-1] == f"HF_TOKEN={TOKEN}"
    assert TOKEN not in done.stdout + done.stderr + "".join(argv[:-1])
    other, argv = serve(project, gpus=1, SERVING_HF_TOKEN_SECRET_ARN=ARN[:-1], **secrets)
    assert other.returncode == 1 and not argv
    assert "ResourceNotFoundException" in other.stderr and other.stderr.count("\n") == 1


def test_a_token_in_the_environment_needs_no_secret(render: Render) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True, hf_token_secret_arn=ARN)
    _, argv = serve(project, HF_TOKEN="of the environment")
    assert argv[-1] == "HF_TOKEN=of the environment"


def test_a_model_that_sagemaker_brings_is_served_instead(project: Path) -> None:
    model = project.parent / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    _, argv = serve(project)
    assert argv[argv.index("--model") + 1] == str(model) and "--revision" not in argv


def test_the_environment_beats_the_file(project: Path) -> None:
    extra = ["--chat-template", "a b'c\"", "--enforce-eager"]
    _, argv = serve(
        project,
        gpus=2,
        SERVING_TENSOR_PARALLEL_SIZE="0",
        SERVING_MAX_MODEL_LEN="4096",
        SERVING_EXTRA_ARGUMENTS=json.dumps(extra),
        SAGEMAKER_BIND_TO_PORT="8099",
    )
    assert argv[argv.index("--tensor-parallel-size") + 1] == "2"
    assert argv[argv.index("--max-model-len") + 1] == "4096"
    assert argv[argv.index("--port") + 1] == "8099"
    assert argv[-3:] == extra


@pytest.mark.parametrize(
    ("gpus", "environ", "said"),
    [
        (0, {}, "no GPU is visible"),
        (1, {"SERVING_TENSOR_PARALLEL_SIZE": "2"}, "tensor_parallel_size is 2, but 1 GPUs are visible"),
        (3, {"SERVING_TENSOR_PARALLEL_SIZE": "3"}, "does not divide the model's 32 attention heads"),
        (
            1,
            {"SERVING_MAX_MODEL_LENGTH": "1"},
            "SERVING_MAX_MODEL_LENGTH is no setting; known are max_model_len",
        ),
        (1, {"SERVING_MAX_MODEL_LEN": "long"}, "'long' is not of type int"),
        (1, {"SERVING_EXTRA_ARGUMENTS": "--x"}, "is not of type list"),
        (1, {"SERVING_MODEL": "s3://bucket/model"}, "SageMaker must bring s3://bucket"),
    ],
)
def test_what_cannot_work_ends_in_one_line(
    project: Path, gpus: int, environ: dict[str, str], said: str
) -> None:
    done, argv = serve(project, gpus=gpus, **environ)
    assert done.returncode == 1 and not argv
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_other_arguments_are_refused(project: Path) -> None:
    done, argv = serve(project, "train")
    assert (done.returncode, argv) == (2, [])
