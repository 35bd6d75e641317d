"""The token for gated models is read from its secret and never shown."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from tests.conftest import Render
from tests.serving.engine_calls import serve

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hf-token-a1b2c3"
TOKEN = "hf_KnownToTheSecretAlone"


class Secrets(http.server.BaseHTTPRequestHandler):
    """A fake of Secrets Manager with one secret."""

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
        """Log nothing."""


@pytest.fixture
def secrets() -> Iterator[dict[str, str]]:
    """Return an environment in which boto3 uses the fake Secrets Manager."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Secrets)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    yield {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    server.shutdown()


@pytest.mark.parametrize("config", ["transformers-vllm", "transformers-lmi"])
def test_the_token_is_read_from_its_secret_and_shown_nowhere(
    render: Render, secrets: dict[str, str], config: str
) -> None:
    project = render("chat", deployment_config=config, offline=True, hf_token_secret_arn=ARN)
    options = "--no-deps --require-hashes --target /opt/program/packages -r /requirements.txt"
    assert (
        f"COPY requirements.txt /\nRUN python3 -m pip install --no-cache-dir {options}\n"
        in (project / "Dockerfile").read_text()
    )
    pins = (project / "requirements.txt").read_text().splitlines()[1:]
    assert pins == (project / "do" / "requirements.txt").read_text().splitlines()[1:]
    assert pins[0].startswith("boto3==") and "!requirements.txt" in (project / ".dockerignore").read_text()
    done, called = serve(project, **secrets)
    assert called, done.stderr
    assert called.pop("HF_TOKEN") == TOKEN
    assert TOKEN not in done.stdout + done.stderr + json.dumps(called)
    other, called = serve(project, SERVE_HF_TOKEN_SECRET_ARN=ARN[:-1], **secrets)
    assert other.returncode == 1 and not called
    assert "ResourceNotFoundException" in other.stderr and other.stderr.count("\n") == 1
    no_arn, called = serve(project, SERVE_HF_TOKEN_SECRET_ARN="hf-token", **secrets)
    assert no_arn.returncode == 1 and not called and no_arn.stderr.count("\n") == 1


def test_a_token_in_the_environment_needs_no_secret(render: Render) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True, hf_token_secret_arn=ARN)
    _, called = serve(project, HF_TOKEN="of the environment")
    assert called["HF_TOKEN"] == "of the environment"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("transformers-vllm", ["--api-key", TOKEN]),
        ("transformers-vllm", [f"--api-key={TOKEN}"]),
        ("transformers-sglang", ["--hf-token", "anything at all"]),
        ("transformers-sglang", ["--header", f"Bearer {TOKEN}"]),
        ("transformers-lmi", ["OPTION_HF_TOKEN=anything at all"]),
        ("transformers-lmi", [f"OPTION_HEADER=Bearer {TOKEN}"]),
    ],
)
def test_secrets_are_left_out_of_the_printed_command(render: Render, config: str, words: list[str]) -> None:
    project = render("chat", deployment_config=config, offline=True)
    done, _ = serve(project, SERVE_EXTRA_ARGUMENTS=json.dumps(words))
    shown = next(line for line in done.stdout.splitlines() if line.startswith("serve:"))
    assert TOKEN not in shown and "anything" not in shown and "***" in shown
