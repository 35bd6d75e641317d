"""Each known issue is found in its log, with one cause, and with the value to set."""

import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from lifecycle import environment, project
from lifecycle import explain as module

LOGS = Path(__file__).parent / "logs"
# Other log lines of the same issues, and the id of the issue.
LINES = {
    "predictive": {
        "ModuleNotFoundError: No module named 'numpy._core'": "dependency-version",
        "ValueError: numpy.dtype size changed, may indicate binary incompatibility.": "dependency-version",
        "serve: cannot load the model /opt/ml/model/model.keras: TypeError: Could not locate class 'Scale'": (
            "own-code"
        ),
        "cannot load the model /m/m.h5: Unsuitable: m.h5 needs your Scale, which is not in the file. Define "
        "it in serving/custom.py, or export a SavedModel.": "own-code",
        "cannot load the model /m/m.txt: Unsuitable: m.txt was trained with category columns of a DataFrame. "
        "The file does not state which. Set CATEGORY_COLUMNS in serving/model_handler.py.": "unclear-columns",
        "cannot load the model /m/m.pkl: MissingCode: m.pkl needs the module pricing. Copy the file to it.": (
            "own-code"
        ),
        "ModuleNotFoundError: No module named 'category_encoders'": "missing-package",
        "serve: cannot load the model /opt/ml/model/m.json: Unsuitable: m.json was saved by XGBoost 3.4.1. "
        "The older version 2.1.3 loads it, but returns wrong predictions.": "dependency-version",
        "serve: the process that loaded model.pkl died (signal 11, SIGSEGV): its file states "
        "no known cause, so a native library crashed on it; compare the versions": "model-crashed",
        "[2026-11-25 09:30:49 +0000] [7] [ERROR] Worker (pid:42) was sent SIGSEGV!": "model-crashed",
        "OSError: dlopen(x): Library not loaded: @rpath/libomp.dylib": "missing-system-library",
        "OSError: libgomp.so.1: cannot open shared object file: No such file": "missing-system-library",
        "[2026-11-25 09:30:49 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:42)": "worker-killed",
        "Timeout (0:01:02)!": "prediction-hung",
        '{"method":"POST","path":"/invocations","status":504,"ms":60001}': "invocation-timeout",
        "[431902.1] Out of memory: Killed process 3214 (gunicorn) total-vm:9121340kB": "worker-killed",
        "denied: Your authorization token has expired. Reauthenticate and try again.": "registry-login",
        "unauthorized: authentication required": "registry-login",
        "User: arn:aws:iam::123456789012:user/jane is not authorized to perform: ecr:GetAuthorizationToken": (
            "access-denied"
        ),
        "ERROR: Hashes are required in --require-hashes mode, but they are missing from some requirements.": (
            "hash-missing"
        ),
        "ERROR: In --require-hashes mode, all requirements must have their versions pinned with ==.": (
            "hash-missing"
        ),
        "error: In `--require-hashes` mode, all requirements must have a hash, but none were provided": (
            "hash-missing"
        ),
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.": "hash-mismatch",
        "  cause: Hash mismatch for `six==1.17.0`": "hash-mismatch",
        "OSError: [Errno 122] Disk quota exceeded: '/tmp/model'": "disk-full",
        "socket.gaierror: [Errno -3] Temporary failure in name resolution": "no-egress",
        "socket.gaierror: [Errno -2] Name or service not known": "no-egress",
        'Connect timeout on endpoint URL: "https://sts.us-east-1.amazonaws.com/"': "no-egress",
        "botocore.exceptions.ConnectTimeoutError": "no-egress",
        "NewConnectionError: Failed to establish a new connection: [Errno 111]": "no-egress",
        "error: dns error: failed to lookup address information": "no-egress",
        "  Caused by: tcp connect error": "no-egress",
        "fatal: Could not resolve host: github.com": "no-egress",
        "dial tcp: lookup registry-1.docker.io on 127.0.0.53:53: no such host": "no-egress",
        "HTTP status server error (503 Service Unavailable) for url (https://example.com/simple/numpy/)": (
            "index-unavailable"
        ),
        "Caused by ResponseError('too many 503 error responses')": "index-unavailable",
        "  Caused by: end of file before message length reached": "download-interrupted",
        "  Caused by: error decoding response body": "download-interrupted",
        "Failed to download distribution due to network timeout. Try increasing UV_HTTP_TIMEOUT": (
            "download-interrupted"
        ),
        "IncompleteRead(10 bytes read, 990 more expected)": "download-interrupted",
        "('Connection broken: ConnectionResetError(104)')": "download-interrupted",
        "the current Python version (3.11.2) does not satisfy Python>=3.99 and six==1.17.0 depends on": (
            "python-version"
        ),
        "ERROR: No matching distribution found for numpy==2.4.0": "python-version",
        "Because numpy==2.4.0 has no wheels with a matching Python ABI tag (e.g., `cp39`)": "python-version",
        "error: No interpreter found for Python 3.14 in managed installations": "python-version",
        "An error occurred (InsufficientCapacity) when calling the CreateEndpoint operation": "no-capacity",
        "Unable to provision requested ML compute capacity. Please retry.": "no-capacity",
        "The container start-up health check timed out after 600 seconds": "start-up-limit",
        'upstream timed out (110: Unknown error), request: "POST /invocations"': "invocation-timeout",
        "'body' failed: Member must have length less than or equal to 6291456": "payload-too-large",
        "InvokeEndpoint operation: Request 2f1c has oversize body.": "payload-too-large",
        "413 Request Entity Too Large": "payload-too-large",
        "An error occurred (413) when calling the InvokeEndpoint operation": "payload-too-large",
        'The execution role ARN "arn:aws:iam::123456789012:role/x" is invalid.': "role-unusable",
        "Could not find model data at s3://bucket/model.tar.gz.": "model-data-denied",
        "Request to service failed. If failure persists after retry, contact support.": "not-started",
    },
    "language_model": {
        "RuntimeError: The NVIDIA driver on your system is too old (found version 12040).": "driver-mismatch",
        "CUDA error 804: forward compatibility was attempted on non supported HW": "driver-mismatch",
        "CUDA driver version is insufficient for CUDA runtime version": "driver-mismatch",
        "ValueError: No available memory for the cache blocks.": "kv-cache-too-small",
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 112.00 MiB (GPU 0; 14.56 GiB "
        "total capacity; 13.9 GiB already allocated)": "gpu-out-of-memory",
        "RuntimeError: CUDA error: out of memory": "gpu-out-of-memory",
        "ValueError: Free memory on device (5.01/22.0 GiB) on startup is less than desired GPU memory "
        "utilization (0.9, 19.8 GiB).": "gpu-out-of-memory",
        "OSError: /opt/ml/model does not appear to have a file named config.json.": "wrong-artifact",
        "Cannot access gated repo for url https://huggingface.co/google/gemma-3-4b-it/resolve/main/x.": (
            "gated-model"
        ),
        "the stream arrived in one piece": "buffered-stream",
        "subprocess.CalledProcessError: died with <Signals.SIGKILL: 9>.": "worker-killed",
        "rank 1 exited with code -9": "worker-killed",
    },
    "triton": {},
}
# Values that the next step must include from the log.
TOLD = {
    "kv-cache-too-small.language_model": "max_model_len = 22288",
    "kv-cache-too-small.older.language_model": "max_model_len = 23648",
    "quota": "'ml.g5.xlarge for endpoint usage'",
    "access-denied": "allow sagemaker:CreateEndpoint",
    "gated-model.language_model": "https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct,",
    "dependency-version.predictive": "pin version 1.3.2",
    "wrong-artifact.predictive": "put model.pkl",
    "model-data-denied": "aws s3 ls s3://team-models/abalone/model.tar.gz",
}
Explain = Callable[..., list[dict[str, str]]]


@pytest.fixture(params=LINES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def causes(kind: str, tmp_path: Path) -> Path:
    """Return the causes of a project of a kind."""
    for name in ("image", "sagemaker", kind):
        shutil.copy(module.CAUSES / f"{name}.toml", tmp_path)
    return tmp_path


@pytest.fixture
def explain(causes: Path, monkeypatch: pytest.MonkeyPatch) -> Explain:
    monkeypatch.setattr(module, "CAUSES", causes)

    def as_json(log: str, reason: str = "", status: str = "") -> list[dict[str, str]]:
        return [cause.as_json() for cause in module.explain(log, reason, status)]

    return as_json


def read(log: Path) -> dict[str, str]:
    """Return the arguments of explain(): the first line can be AWS's reason or status instead of the log."""
    first, _, rest = log.read_text().partition("\n")
    for name in ("reason", "status"):
        if first.startswith(f"{name}: "):
            return {"log": rest, name: first.removeprefix(f"{name}: ")}
    return {"log": f"{first}\n{rest}"}


def logs_of(kind: str) -> list[Path]:
    others = set(LINES) - {kind}
    return [log for log in sorted(LOGS.glob("*.txt")) if not others & set(log.stem.split("."))]


def test_a_log_gives_its_cause_and_no_other(kind: str, explain: Explain) -> None:
    for log in logs_of(kind):
        found = explain(**read(log))
        assert [finding["id"] for finding in found] == [log.name.partition(".")[0]], log.name
        assert all(found[0][name] for name in ("what", "cause", "next")), log.name
        assert found[0]["seen"] in " ".join(read(log).values()) or found[0]["seen"].startswith("status")
        assert "{" not in "".join(found[0].values()).replace(found[0]["seen"], ""), log.name
        assert TOLD.get(log.stem, "") in found[0]["next"]


def test_other_words_give_the_same_cause(kind: str, explain: Explain) -> None:
    for line, wanted in LINES[kind].items():
        assert [finding["id"] for finding in explain(line)] == [wanted], line
        assert [finding["id"] for finding in explain("", reason=line)] == [wanted], line


def test_every_pattern_is_met_by_a_log(kind: str, causes: Path) -> None:
    told = [*map(Path.read_text, logs_of(kind)), *LINES["predictive"], *LINES[kind]]
    for file in causes.glob("*.toml"):
        for name, known in tomllib.loads(file.read_text()).items():
            for pattern in (pattern for cause in known for pattern in cause["patterns"]):
                assert any(re.search(pattern, text) for text in told), f"{name}: {pattern}"


@pytest.mark.parametrize(
    "log",
    [
        "",
        "INFO:     Application startup complete.\nINFO: GET /ping 200 OK",
        '{"method":"POST","path":"/invocations","status":200,"ms":9,"request_bytes":137,"bytes":413}',
        "Loading safetensors checkpoint shards: 100% Completed | 4/4 [00:02<00:00,  1.91it/s]",
    ],
)
def test_a_healthy_log_gives_no_cause(explain: Explain, log: str) -> None:
    assert explain(log, status="InService") == []
    assert explain(log) == []


def test_a_symptom_is_told_only_without_a_cause(explain: Explain) -> None:
    reason = "The primary container did not pass the ping health check."
    assert [finding["id"] for finding in explain("", reason=reason)] == ["ping-failed"]
    assert [finding["id"] for finding in explain("exec format error", reason=reason)] == ["exec-format"]


def test_two_causes_are_both_told(explain: Explain) -> None:
    found = explain("exec format error\n[Errno 28] No space left on device")
    assert {finding["id"] for finding in found} == {"exec-format", "disk-full"}


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("error: dns error: failed to lookup address information", "no network"),
        ("No space left on device (os error 28)", "fill the disk"),
        ("Because numpy==2.4.0 has no wheels with a matching Python ABI tag", "numpy==2.4.0 has no wheel"),
        ("Because numpy==2.4.0 has no\n      wheels with a matching Python", "numpy==2.4.0 has no wheel"),
    ],
)
def test_a_failed_installation_names_network_disk_or_python(
    output: str,
    cause: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\necho '{output}' >&2\nexit 2\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    requirements = project.PROJECT / "do" / "requirements.txt.jinja"
    with pytest.raises(project.Failure) as failed:
        environment.made(tmp_path / ".venv", requirements)
    finding = failed.value.finding
    assert finding.id == "no-environment" and cause in finding.cause and finding.next
    assert output in capfd.readouterr().err
