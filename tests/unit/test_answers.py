"""What the interview refuses, in which words, and that nothing is left on disk."""

import dataclasses
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier._user_data import Question
from copier.errors import UserMessageError

from extensions.mcc.artifacts import suitable
from extensions.mcc.errors.errors import InvalidAnswer
from extensions.mcc.interview import answers
from extensions.mcc.interview.questions import DERIVED, NEVER_ASKED, QUESTIONS
from tests import model_files
from tests.conftest import REPOSITORY, Render


def llm(**data: Any) -> dict[str, Any]:
    """Return answers for a language model, sized by the catalog."""
    return {"deployment_config": "transformers-vllm", "offline": True, **data}


def pods(**data: Any) -> dict[str, Any]:
    """Return answers for a HyperPod cluster."""
    return {"deployment_target": "hyperpod-eks", "hyperpod_cluster": "ml-cluster", **data}


NVIDIA = "nvcr.io/nvidia/tritonserver"


def triton(backend: str, **data: Any) -> dict[str, Any]:
    """Return answers for a backend of Triton."""
    return {"deployment_config": f"triton-{backend}", **data}


BAD: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"framework": "pytorch"}, ("framework", "'pytorch'", "sklearn, xgboost, tensorflow")),
    ({"model_format": "ubj"}, ("model_format", "'ubj'", "sklearn", "pkl, joblib")),
    ({"framework": "xgboost", "model_format": "pkl"}, ("model_format", "xgboost", "json, model, ubj")),
    ({"framework_version": "0.1"}, ("framework_version", "'0.1'", "1.7.1")),
    ({"deployment_config": "http-django"}, ("deployment_config", "http-flask")),
    ({"instance_type": "ml.m5.huge"}, ("instance_type", "'ml.m5.huge'", "ml.m5.")),
    ({"instance_type": "ml.inf2.xlarge"}, ("instance_type", "ml.inf2.xlarge")),
    ({"serving_profile": "fast"}, ("serving_profile", "throughput, latency")),
    ({"project_name": "My_Model"}, ("project_name", "lower-case", "abalone-age")),
    ({"project_name": ""}, ("project_name", "2 to 63")),
    ({"project_name": "a" * 64}, ("project_name", "2 to 63")),
    ({"project_name": "-x"}, ("project_name",)),
    ({"project_name": "../x"}, ("project_name",)),
    ({"project_name": "x$(touch /tmp/pwned)"}, ("project_name",)),
    ({"project_name": "x\nRUN y"}, ("project_name",)),
    ({"project_name": "modèle"}, ("project_name",)),
    ({"region": "mars"}, ("region", "eu-west-1")),
    ({"region": "us-east-1; rm -rf"}, ("region",)),
    ({"base_image": "python:3.12\nRUN evil"}, ("base_image", "python")),
    ({"base_image": "python:$(id)"}, ("base_image",)),
    ({"base_image": "{{ 7 * 7 }}"}, ("base_image",)),
    (
        {"base_image": "lmsysorg/sglang:v0.5.4.post1"},
        ("base_image", "is for transformers-sglang, not http-fastapi", "python:3.12-slim"),
    ),
    (
        {"deployment_config": "transformers-vllm", "base_image": f"{NVIDIA}:25.12-vllm-python-py3"},
        ("base_image", "not transformers-vllm", "vllm/vllm-openai"),
    ),
    ({"model_path": "/nowhere/model.pkl"}, ("model_path", "there is no file")),
    ({"model_path": "a\nb.pkl"}, ("model_path",)),
    ({"model_path": str(REPOSITORY / "README.md")}, ("model_path", ".pkl")),
    ({"include_tests": "maybe"}, ("include_tests", "true")),
    ({"frmaework": "sklearn"}, ("'frmaework'", "framework")),
    ({"flask": "."}, ("'flask'", "not a question")),
    ({"framework": ["sklearn"]}, ("framework", "not a text")),
    ({"model_name": "Qwen/Qwen3-8B"}, ("model_name", "http-fastapi", "transformers-vllm")),
    (triton("fil", model_format="onnx"), ("model_format", "'onnx'", "triton-fil", "json, ubj, txt, tl")),
    (triton("fil", framework="xgboost"), ("framework", "not a question of deployment_config triton-fil")),
    (triton("fil", model_name="Qwen/Qwen3-8B"), ("model_name", "transformers-vllm")),
    (triton("vllm", max_batch_size=8), ("max_batch_size", "not a question", "triton-fil")),
    (
        triton("vllm", chat_template="none"),
        ("chat_template", "not a question of deployment_config triton-vllm"),
    ),
    (
        triton("tensorflow", base_image=f"{NVIDIA}:25.03-py3"),
        ("base_image", "25.02 is its last", "25.02-py3"),
    ),
    (
        triton("fil", model_format="ubj", base_image=f"{NVIDIA}:24.09-py3"),
        ("base_image", "24.10 is the first"),
    ),
    (triton("vllm", base_image=f"{NVIDIA}:25.12-py3"), ("base_image", "no vllm backend", "vllm-python-py3")),
    (triton("python", base_image=f"{NVIDIA}:25.12-vllm-python-py3"), ("base_image", "no python backend")),
    (triton("python", max_batch_size=0), ("max_batch_size", "0", "whole number")),
    (triton("python", max_queue_delay_us=-1), ("max_queue_delay_us", "whole number from 0")),
    (triton("python", model_instances=5000), ("model_instances", "from 1 to 1000")),
    (triton("python", instance_type="ml.inf2.xlarge"), ("instance_type", "ml.inf2.xlarge")),
    (triton("pytorch", model_inputs="eight"), ("model_inputs", "FP32[8]")),
    (triton("pytorch", model_inputs="FP32[0]"), ("model_inputs", "FP32[8]")),
    (triton("vllm", instance_type="ml.m5.large"), ("instance_type", "no accelerator")),
    (triton("python", project_name="a/b"), ("project_name", "lower-case")),
    (llm(framework="sklearn"), ("framework", "transformers-vllm")),
    (llm(model_name="../x"), ("model_name", "Qwen/Qwen3-8B")),
    (llm(model_name="a/b/c"), ("model_name",)),
    (llm(model_name="a/$(id)"), ("model_name",)),
    (llm(model_name="x" * 100_000), ("model_name",)),
    (llm(model_name="s3://bucket/{{ 7 * 7 }}"), ("model_name",)),
    (llm(model_revision="a b"), ("model_revision", "main")),
    (llm(model_revision="../.."), ("model_revision",)),
    (llm(max_model_len="long"), ("max_model_len", "'long'", "whole number")),
    (llm(max_model_len=1.5), ("max_model_len", "1.5")),
    (llm(max_model_len=-1), ("max_model_len", "-1")),
    (llm(max_model_len=50_000), ("max_model_len", "40960")),
    (llm(max_concurrency=0), ("max_concurrency", "0")),
    (llm(max_concurrency=100_000), ("instance_type", "(1) serve", "requests at once instead of 100,000")),
    (llm(instance_type="ml.m5.large"), ("instance_type", "no accelerator", "ml.g6e.xlarge")),
    (llm(instance_type="ml.inf2.xlarge"), ("instance_type", "vLLM does not run on")),
    (llm(instance_type="ml.p2.xlarge"), ("instance_type", "compute capability")),
    (llm(instance_type="ml.g5.xlarge"), ("instance_type", "lacks", "room for 3 of 16", "ml.g6e.xlarge")),
    (llm(model_name="nobody/knows-this"), ("model_name", "cannot be sized", "model_parameters=8")),
    (llm(model_name="nobody/knows-this", model_parameters="many"), ("model_parameters", "7.6")),
    (llm(model_name="nobody/knows-this", model_dtype="fp3"), ("model_dtype", "fp8")),
    (llm(serving_profile="fast"), ("serving_profile", "balanced, latency")),
    (llm(offline="perhaps"), ("offline", "true")),
    (llm(hf_token_secret_arn="hf_literal"), ("hf_token_secret_arn", "arn:aws:secretsmanager")),
    (llm(model_facts={}), ("model_facts", "Leave it out")),
    (llm(hf_token="hf secret"), ("hf_token: what was given is not a token",)),
    ({"deployment_target": "slurm"}, ("deployment_target", "managed-inference, hyperpod-eks")),
    ({"deployment_target": "hyperpod-eks"}, ("hyperpod_cluster: ''", "ml-cluster")),
    ({"hyperpod_cluster": "x"}, ("hyperpod_cluster", "managed-inference", "hyperpod-eks")),
    (pods(instance_count=2), ("instance_count", "deployment_target hyperpod-eks", "managed-inference")),
    (pods(hyperpod_cluster="-x"), ("hyperpod_cluster", "the name of a HyperPod cluster")),
    (pods(hyperpod_cluster="x" * 64), ("hyperpod_cluster",)),
    (pods(hyperpod_namespace="Team A"), ("hyperpod_namespace", "hyperpod-ns-team-a")),
    (pods(hyperpod_namespace=""), ("hyperpod_namespace",)),
    (pods(hyperpod_namespace="x" * 64), ("hyperpod_namespace",)),
    (pods(hyperpod_mode="helm"), ("hyperpod_mode", "deployment, operator")),
    (pods(hyperpod_mode="operator"), ("hyperpod_model_source", "cannot be in the image", "s3://")),
    (pods(hyperpod_replicas=0), ("hyperpod_replicas", "from 1 to 1000")),
    (pods(hyperpod_replicas=1.5), ("hyperpod_replicas", "1.5")),
    (pods(hyperpod_replicas=3, hyperpod_max_replicas=2), ("hyperpod_max_replicas: 2 is less than",)),
    (
        pods(hyperpod_mode="operator", hyperpod_model_source="s3://bkt/x", hyperpod_max_replicas=2),
        ("hyperpod_max_replicas", "not for hyperpod_mode operator"),
    ),
    (pods(hyperpod_queue="team_a"), ("hyperpod_queue", "LocalQueue")),
    (pods(hyperpod_model_source="gs://bucket/x"), ("hyperpod_model_source", "pvc://fsx-claim")),
    (pods(hyperpod_model_source="pvc://claim/../../etc"), ("hyperpod_model_source",)),
    (pods(hyperpod_model_source="fsx://fs-0123456789abcdef0"), ("hyperpod_model_source", "mountname")),
    (pods(hyperpod_token_secret="x"), ("hyperpod_token_secret", "transformers-vllm")),
    (
        pods(**llm(), hyperpod_token_secret="hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ"),
        ("hyperpod_token_secret", "what was given is not the name of a Secret", "never a token itself"),
    ),
    (pods(**llm(), hyperpod_max_replicas=2), ("hyperpod_max_replicas", "http-fastapi")),
    (
        pods(**llm(model_name="gpt2", model_parameters="1"), hyperpod_mode="operator"),
        ("hyperpod_model_source", "gpt2", "organisation/name"),
    ),
    (pods(instance_type="ml.m4.xlarge"), ("instance_type", "not offered on HyperPod")),
    (pods(**llm(), instance_type="ml.p3.2xlarge"), ("instance_type", "not offered on HyperPod")),
    (pods(pod_resources={}), ("pod_resources", "Leave it out")),
]


@pytest.mark.parametrize(("data", "words"), BAD)
def test_a_bad_answer_is_refused_with_nothing_on_disk(
    template: Path, tmp_path: Path, data: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(UserMessageError) as caught:
        copier.run_copy(
            str(template),
            tmp_path / "project",
            data=data,
            defaults=True,
            unsafe=True,
            quiet=True,
            skip_tasks=True,
        )
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert len(message.splitlines()) <= 2 and len(message) < 500, message
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("make", ["file", "folder"])
def test_a_target_that_exists_is_refused(template: Path, tmp_path: Path, make: str) -> None:
    target = tmp_path / "taken"
    if make == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserMessageError, match="destination"):
        copier.run_copy(str(template), target, defaults=True, unsafe=True, quiet=True, skip_tasks=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_line_says_it_in_a_line_and_fails(template: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "copier", "copy", "--trust", "--defaults", "--skip-tasks"]
    answer = subprocess.run(
        [*command, "-d", "framework=pytorch", str(template), str(tmp_path / "project")],
        capture_output=True,
        text=True,
    )
    assert answer.returncode != 0
    assert "Traceback" not in answer.stderr and "framework: 'pytorch' is not offered" in answer.stderr
    assert not (tmp_path / "project").exists()


def test_all_bad_answers_are_told_at_once(template: Path, tmp_path: Path) -> None:
    data = {"project_name": "UPPER", "region": "mars"}
    with pytest.raises(UserMessageError) as caught:
        copier.run_copy(str(template), tmp_path / "p", data=data, defaults=True, unsafe=True, quiet=True)
    assert "project_name" in str(caught.value) and "region" in str(caught.value)


SETTINGS = {
    "_min_copier_version",
    "_subdirectory",
    "_templates_suffix",
    "_answers_file",
    "_envops",
    "_jinja_extensions",
    "_exclude",
    "_tasks",
    "_message_before_update",
    "_message_after_copy",
}


def documents() -> list[dict[str, Any]]:
    files = sorted((REPOSITORY / "questions").glob("*.yml"))
    return [yaml.safe_load(path.read_text()) for path in files]


# Copier gives these itself; every other field of its Question is an attribute that a question may have.
GIVEN_BY_COPIER = {"var_name", "answers", "context", "jinja_env", "settings"}


def test_every_question_is_known_to_the_check_and_has_a_line_of_help() -> None:
    """Copier ignores an attribute that it does not know: use_search_filter did nothing."""
    allowed = {field.name for field in dataclasses.fields(Question)} - GIVEN_BY_COPIER
    assert {"type", "help", "default", "choices", "validator", "when", "ask", "secret"} <= allowed
    assert "use_search_filter" not in allowed
    for document in documents():
        for name, question in document.items():
            assert set(question) <= allowed, f"{name} has an attribute Copier would ignore"
            if question.get("when") is not False and name not in (*DERIVED, *NEVER_ASKED):
                assert name in QUESTIONS, f"{name} is missing in QUESTIONS"
                assert len(question["help"]) <= 120


def test_an_included_file_is_listed_and_a_setting_is_one_copier_knows() -> None:
    text = (REPOSITORY / "copier.yml").read_text()
    for path in sorted((REPOSITORY / "questions").glob("*.yml")):
        assert f"!include questions/{path.name}" in text
    settings = {line.split(":")[0] for line in text.splitlines() if line.startswith("_")}
    assert settings <= SETTINGS, "Copier would ignore an unknown setting in silence"


def test_an_own_model_is_copied_and_nothing_of_the_sample_is_rendered(template: Path, tmp_path: Path) -> None:
    model = tmp_path / "my model.pkl"
    model.write_bytes(b"bytes of a model")
    project = tmp_path / "project"
    copier.run_copy(
        str(template), project, data={"model_path": str(model)}, defaults=True, unsafe=True, quiet=True
    )
    assert (project / "model" / "model.pkl").read_bytes() == b"bytes of a model"
    assert not (project / "sample_model").exists()


MODELS = REPOSITORY / "tests" / "data" / "models"
CHOSEN = [  # framework, format, model, the version that is chosen for it
    ("sklearn", "joblib", "sklearn-1.9.1.joblib", "1.9.1"),
    ("sklearn", "joblib", "sklearn-1.4.2.joblib", "1.4.2"),
    ("sklearn", "pkl", "sklearn-1.2.2.pkl", "1.2.2"),
    ("xgboost", "json", "xgboost-3.4.1.json", "3.4.1"),
    ("xgboost", "ubj", "xgboost-3.4.1.ubj", "3.4.1"),
    ("xgboost", "model", "xgboost-1.7.6.model", "2.1.3"),
    ("xgboost", "json", "xgboost-2.1.3-multi-output.json", "2.1.3"),
    ("xgboost", "json", "xgboost-2.0.3-gamma.json", "2.0.3"),
]
REFUSED = [  # framework, format, version, model, what the refusal says
    ("sklearn", "joblib", "1.7.1", "sklearn-1.9.1.joblib", "Choose framework_version=1.9.1, or leave it out"),
    ("xgboost", "json", "2.1.3", "xgboost-3.4.1.json", "wrong numbers. Choose framework_version=3.4.1"),
    ("xgboost", "ubj", "3.3.0", "xgboost-3.4.1.ubj", "wrong numbers. Choose framework_version=3.4.1"),
    ("xgboost", "model", "3.4.1", "xgboost-1.7.6.model", "old binary format"),
    ("xgboost", "json", "3.2.0", "xgboost-2.1.3-multi-output.json", "Choose framework_version=2.1.3"),
    ("xgboost", "ubj", "", "xgboost-1.7.6.model", "Rename it to end in .model"),
    ("xgboost", "json", "", "xgboost-2.1.3.pkl", 'call its save_model("model.json")'),
    ("sklearn", "pkl", "", "xgboost-2.1.3.pkl", "a pickled Booster of XGBoost 2.1.3"),
    ("tensorflow", "h5", "", "keras-2.15.0.h5", "tf.saved_model.save"),
    ("tensorflow", "h5", "", "weights.h5", "weights only"),
]


@pytest.mark.parametrize(("framework", "model_format", "name", "version"), CHOSEN)
def test_the_version_that_suits_a_model_is_the_default(
    framework: str, model_format: str, name: str, version: str
) -> None:
    path = str(MODELS / name)
    assert suitable.default_version(framework, model_format, path) == version
    answers.check({"framework": framework, "model_format": model_format, "model_path": path})


@pytest.mark.parametrize(("framework", "model_format", "version", "name", "told"), REFUSED)
def test_a_model_that_a_version_cannot_serve_is_refused(
    framework: str, model_format: str, version: str, name: str, told: str
) -> None:
    given = {"framework": framework, "model_format": model_format, "model_path": str(MODELS / name)}
    given |= {"framework_version": version} if version else {}
    with pytest.raises(InvalidAnswer) as refused:
        answers.check(given)
    assert str(refused.value).startswith("model_path: ") and told in str(refused.value)


def test_a_model_of_a_version_that_is_not_offered_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes((MODELS / "sklearn-1.9.1.joblib").read_bytes().replace(b"1.9.1", b"1.0.2"))
    with pytest.raises(InvalidAnswer, match=r"saved by scikit-learn 1\.0\.2.*train it with 1\.7\.1"):
        answers.check({"model_format": "joblib", "model_path": str(path)})


def test_a_copy_takes_version_python_and_image_from_the_model(template: Path, tmp_path: Path) -> None:
    project, data = tmp_path / "project", {"model_path": str(MODELS / "sklearn-1.2.2.pkl")}
    copier.run_copy(str(template), project, data=data, defaults=True, unsafe=True, quiet=True)
    assert "scikit-learn==1.2.2\n" in (project / "requirements.txt").read_text()
    assert "numpy==1.24.2\n" in (project / "requirements.txt").read_text()
    assert "FROM python:3.11-slim\n" in (project / "Dockerfile").read_text()
    assert ' = ("3.11",)\n' in (project / "do" / "lifecycle" / "chosen.py").read_text()
    with pytest.raises(InvalidAnswer, match=r"python:3\.12-slim has Python 3\.12, .* need one of 3\.11\."):
        answers.check({**data, "base_image": "python:3.12-slim"})
    with pytest.raises(UserMessageError, match=r"framework_version=1\.2\.2"):
        refused = {**data, "framework_version": "1.7.1"}
        copier.run_copy(str(template), tmp_path / "x", data=refused, defaults=True, unsafe=True, quiet=True)
    assert not (tmp_path / "x").exists()


def test_a_project_carries_the_reader_as_it_is(render: Render) -> None:
    own, carried = REPOSITORY / "extensions" / "mcc" / "artifacts", render() / "serving" / "runtime"
    for name in ("artifact_facts", "artifacts", "model_reader", "pickle_opcodes", "pickles", "streams"):
        assert (carried / f"{name}.py").read_text() == (own / f"{name}.py").read_text()
    assert (carried / "xgboost_files.py").read_text() == (own / "xgboost_files.py").read_text()


def test_a_failing_training_leaves_a_project_and_says_how_to_go_on(template: Path, tmp_path: Path) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "uv").write_text("#!/bin/sh\necho 'no network' >&2\nexit 1\n")
    (broken / "uv").chmod(0o755)
    project = tmp_path / "project"
    answer = subprocess.run(
        [sys.executable, "-m", "copier", "copy", "--trust", "--defaults", str(template), str(project)],
        env={**os.environ, "PATH": f"{broken}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0
    assert "The sample model was not trained. `do/run --local` tries again." in answer.stderr
    assert "the sample model is not trained yet" in answer.stderr and "Traceback" not in answer.stderr
    assert (project / "Dockerfile").exists() and not (project / "model" / "examples.json").exists()


NOT_OF_THEIR_FORMAT = {
    "json": ("triton-fil", "own.json", b"[1, 2]", "does not start like"),
    "ubj": ("triton-fil", "own.ubj", b"binf", "does not start like"),
    "txt": ("triton-fil", "own.txt", b"a,b,c", "does not start like"),
    "onnx": ("triton-onnxruntime", "own.onnx", b"\x89PNG", "does not start like"),
    "pt": ("triton-pytorch", "own.pt", b"garbage", "not a TorchScript archive"),
    "joblib": ("triton-python", "own.pkl", b"", "does not end in .joblib"),
    "SavedModel": ("triton-tensorflow", "own", b"", "no saved_model.pb in it"),
}


@pytest.mark.parametrize("model_format", NOT_OF_THEIR_FORMAT)
def test_a_file_that_is_surely_not_of_its_format_is_refused(
    template: Path, tmp_path: Path, model_format: str
) -> None:
    config, name, content, words = NOT_OF_THEIR_FORMAT[model_format]
    (tmp_path / name).write_bytes(content)
    data = {"deployment_config": config, "model_format": model_format, "model_path": str(tmp_path / name)}
    data |= {"model_inputs": "FP32[8]"} if model_format == "pt" else {}
    with pytest.raises(UserMessageError, match=words):
        copier.run_copy(str(template), tmp_path / "p", data=data, defaults=True, unsafe=True, quiet=True)
    assert not (tmp_path / "p").exists()


NEWER = "nvcr.io/nvidia/tritonserver:26.10-py3"
NOT_SERVED: dict[str, tuple[str, str, bytes, str]] = {
    "weights left behind": (
        "triton-onnxruntime",
        "own.onnx",
        model_files.onnx(model_files.tensor({"location": "own.data"})),
        "'own.data', which is not in",
    ),
    "newer opset": (
        "triton-onnxruntime",
        "own.onnx",
        model_files.onnx(opset=23),
        "has opset 23, .* up to 21",
    ),
    "newer XGBoost": (
        "triton-fil",
        "own.json",
        model_files.xgboost_json((3, 1, 0)),
        "XGBoost 3.1.0, .* up to 3",
    ),
    "linear trees": ("triton-fil", "own.txt", b"tree\nis_linear=1\nend of trees\n", "linear trees"),
    "an old dump": ("triton-python", "own.joblib", b"", "arrays are in other files"),
    "a link": ("triton-tensorflow", "own", b"", "assets in it is a link to /etc"),
}


@pytest.mark.parametrize("name", NOT_SERVED)
def test_a_model_that_triton_would_not_serve_is_refused_before_anything_is_rendered(
    template: Path, tmp_path: Path, name: str
) -> None:
    config, file, content, words = NOT_SERVED[name]
    image = "nvcr.io/nvidia/tritonserver:24.08-py3"
    data = {"deployment_config": config, "model_path": str(tmp_path / file), "base_image": image}
    if file == "own":
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "assets").symlink_to("/etc")
        (tmp_path / "own" / "saved_model.pb").write_bytes(b"")
    else:
        (tmp_path / file).write_bytes(content)
        (tmp_path / "own.joblib_01.npy").write_bytes(b"")
        data["model_format"] = (tmp_path / file).suffix.removeprefix(".")
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    with pytest.raises(UserMessageError, match=words):
        copier.run_copy(str(template), tmp_path / "p", data=data, **options)
    assert not (tmp_path / "p").exists()
    if name.startswith("newer"):  # than 24.08 reads
        copier.run_copy(str(template), tmp_path / "p", data=data | {"base_image": NEWER}, **options)
        assert "26.10" in (tmp_path / "p" / "serving" / "runtime" / "artifact.py").read_text()


def test_weights_without_code_are_no_torchscript(template: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "own.pt", "w") as archive:
        archive.writestr("own/data.pkl", b"")
    data = {"deployment_config": "triton-pytorch", "model_path": str(tmp_path / "own.pt")}
    for inputs, words in (
        ({"model_inputs": "FP32[8]"}, "weights without code"),
        ({}, "does not hold the shapes"),
    ):
        if not inputs:
            with zipfile.ZipFile(tmp_path / "own.pt", "a") as archive:
                archive.writestr("own/code/__torch__.py", b"")
        with pytest.raises(UserMessageError, match=words):
            copier.run_copy(
                str(template), tmp_path / "p", data={**data, **inputs}, defaults=True, unsafe=True, quiet=True
            )
