"""The OpenAI-compatible path: the fake AWS verifies its tokens; do/token, do/test and clients use it."""

import base64
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import openai
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.fakes.aws import openai_path
from tests.fakes.aws.server import ACCESS_KEY, SECRET_KEY
from tests.fakes.aws.wire import Refusal
from tests.lifecycle.commands import NAME, Project
from tests.lifecycle.deployed import configure, scale_to_zero
from tests.lifecycle.test_secrets_and_speed import command_line, files

TEXT = "Hello from the fake."
CHAT = b'{"model": "", "messages": [{"role": "user", "content": "Hi"}]}'


def signed(
    action: str = "CallWithBearerToken",
    region: str = "us-east-1",
    seconds: int = 900,
    secret: str = SECRET_KEY,
    service: str = "sagemaker",
) -> str:
    """Return a token, signed by botocore."""
    host = "sagemaker.amazonaws.com"
    request = AWSRequest("POST", f"https://{host}/", {"host": host}, params={"Action": action})
    SigV4QueryAuth(Credentials(ACCESS_KEY, secret), service, region, expires=seconds).add_auth(request)
    return encoded(f"{str(request.url).removeprefix('https://')}&Version=1")


def encoded(text: str) -> str:
    return "sagemaker-api-key-" + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (signed(action="DescribeEndpoint"), "another action"),
        (signed(service="bedrock"), "another action"),
        (signed(seconds=12 * 3600 + 1), "X-Amz-Expires"),
        (signed(secret="guessed"), "signature"),
        (signed().removeprefix("sagemaker-api-key-"), "malformed"),
        (encoded("sagemaker.amazonaws.com/?Action=CallWithBearerToken&Version=1"), "malformed"),
        ("sagemaker-api-key-!", "malformed"),
    ],
    ids=["action", "service", "lifetime", "key", "prefix", "parameters", "base64"],
)
def test_the_fake_rejects_an_invalid_token(token: str, reason: str) -> None:
    secrets = {ACCESS_KEY: SECRET_KEY}
    with pytest.raises(Refusal, match=reason):
        openai_path.verified(token, secrets, datetime.now(UTC))


def test_the_fake_verifies_a_token_until_it_expires() -> None:
    now, secrets = datetime.now(UTC), {ACCESS_KEY: SECRET_KEY}
    assert openai_path.verified(signed(), secrets, now) == (ACCESS_KEY, "us-east-1")
    with pytest.raises(Refusal, match="expired"):
        openai_path.verified(signed(), secrets, now + timedelta(seconds=902))
    with pytest.raises(Refusal, match="token included in the request is invalid"):
        openai_path.verified(signed(), {}, now)
    longer = base64.b64decode(signed().removeprefix("sagemaker-api-key-")).decode()
    with pytest.raises(Refusal, match="signature"):
        openai_path.verified(encoded(longer.replace("Expires=900", "Expires=9000")), secrets, now)


def posted(project: Project, path: str, token: str) -> tuple[int, str]:
    """Return the status and body of a chat to a path of the fake AWS."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{project.aws.url}/endpoints/{NAME}{path}", CHAT, headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def examples_of_readme(chat: Project) -> list[str]:
    """Return the output of the examples with curl and with the OpenAI client in the project's README."""
    text = (chat.path / "README.md").read_text().partition("## OpenAI clients")[2]
    text = text.replace("https://runtime.sagemaker.us-east-1.amazonaws.com", chat.aws.url)
    blocks = dict(re.findall(r"```(bash|python)\n(.*?)```", text, re.DOTALL))
    found = []
    for program in (["bash", "-euc", blocks["bash"]], [sys.executable, "-c", blocks["python"]]):
        done = subprocess.run(program, cwd=chat.path, env=chat.variables({}), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(done.stdout)
    return found


def test_a_deployed_chat_answers_openai_clients(chat: Project) -> None:
    chat.succeed("deploy")
    done = chat.succeed("token", "--json")
    result = done.json["result"]
    base, token = result["base_url"], result["token"]
    assert base == f"{chat.aws.url}/endpoints/{NAME}/inference-components/{NAME}/openai/v1"
    assert "do not log it" in done.err and token not in done.err
    client = openai.OpenAI(base_url=base, api_key=lambda: token, max_retries=0)
    whole = client.chat.completions.create(model="", messages=[{"role": "user", "content": "Hi"}])
    assert whole.choices[0].message.content == TEXT
    stream = client.chat.completions.create(
        model="", messages=[{"role": "user", "content": "Hi"}], stream=True
    )
    assert "".join(part.choices[0].delta.content or "" for part in stream) == TEXT
    with pytest.raises(openai.NotFoundError):
        client.models.list()

    assert [TEXT in said for said in examples_of_readme(chat)] == [True, True]

    component = f"/inference-components/{NAME}/openai/v1"
    assert posted(chat, f"{component}/chat/completions", token)[0] == 200
    assert posted(chat, f"{component}/embeddings", token)[0] == 404
    assert posted(chat, "/openai/v1/chat/completions", token)[0] == 400  # without the component
    code, text = posted(chat, f"{component}/chat/completions", signed(region="eu-west-1"))
    assert code == 403 and "scoped to a valid region" in text

    tested = chat.succeed("test", "--remote", "--openai", "--json").json["result"]
    assert tested["answers"] == {"chat": TEXT} and "tool_call" in tested
    assert "first token after" in chat.succeed("test", "--remote", "--openai", "--stream").out
    shown = chat.succeed("status")
    assert f"OpenAI base URL: {base}" in shown.out
    local = chat.do("test", "--openai")
    assert local.code == 2 and "--remote is missing" in local.err
    chat.aws.light.model = lambda *_: (500, "application/json", b'{"error": "out of memory"}')
    chat.push("two")
    broken = chat.do("deploy")
    assert broken.code == 6
    failed = chat.do("test", "--remote", "--openai")
    assert failed.code == 6 and "/openai/v1/chat/completions returned 500" in failed.err
    assert "out of memory" in failed.err


def test_a_token_is_only_on_stdout(chat: Project) -> None:
    chat.succeed("deploy")
    said, argv, secret = list[str](), set[str](), "sagemaker-api-key-"
    for verb in (["test", "--remote", "--openai"], ["token"], ["token", "--minutes", "721"]):
        process = subprocess.Popen(
            chat.command(*verb), env=chat.variables({}), stdout=-1, stderr=-1, text=True, cwd=chat.path
        )
        while process.poll() is None:
            argv.add(command_line(process.pid))
        out, err = process.communicate()
        said += [err, out.replace(out, "") if verb == ["token"] else out]
        assert (process.returncode, out.startswith(secret)) == (
            (2, False) if "721" in verb else (0, verb == ["token"])
        )
    assert "SageMaker accepts 1 to 720" in said[-2]
    written = [
        path.read_text(errors="replace") for path in files(chat.path) if (chat.path / ".do") in path.parents
    ]
    assert written and any("create_endpoint" in text for text in written)
    for text in (*said, *argv, *written, *(str(call.parameters) for call in chat.aws.calls)):
        assert secret not in text


def test_what_a_token_lacks_is_reported(chat: Project) -> None:
    chat.succeed("deploy")
    policy = json.loads(chat.succeed("doctor", "--policy", "test", "--account", "123456789012").out)
    statements = [entry for entry in policy["Statement"] if entry["Sid"] != "UseToken"]
    chat.aws.enforce({**policy, "Statement": statements})
    done = chat.do("test", "--remote", "--openai")
    assert (
        done.code == 4
        and "sagemaker:CallWithBearerToken" in done.err
        and "do/doctor --policy token" in done.err
    )


def test_an_endpoint_at_zero_is_started_by_a_chat(chat: Project) -> None:
    configure(chat, scale_to_zero="true", max_copies="2")
    chat.succeed("deploy")
    scale_to_zero(chat)
    done = chat.succeed("test", "--remote", "--openai")
    assert "scaled to zero" in done.err and TEXT in done.out


def test_without_the_deployed_endpoint_of_a_chat_there_is_no_such_path(project: Project) -> None:
    done = project.do("test", "--remote", "--openai")
    assert done.code == 2 and "no language model with chats" in done.err
    assert not (project.path / "do" / "token").exists()
    assert not list((project.path / "do" / "lifecycle").rglob("openai_path.py"))
    assert "--openai" not in project.succeed("test", "--help").out
