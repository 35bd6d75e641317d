"""Shared by all lanes: render a project the way a user does."""

import compileall
import os
import py_compile
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import copier
import pytest

from extensions.mcc.catalog import catalog
from tests import quick_copier

REPOSITORY = Path(__file__).resolve().parent.parent
SERVERS = ("http-flask", "http-fastapi")
FORMATS = [(name, each) for name, facts in catalog.frameworks().items() for each in facts.formats]
# For costly lanes: the first format of the three oldest frameworks behind both servers, the others behind
# one of them, in turn.
FIRST = {
    framework: each
    for framework, each in reversed(FORMATS)
    if framework in ("sklearn", "xgboost", "tensorflow")
}
TRIED = [
    (server, framework, each)
    for server in SERVERS
    for framework, each in FORMATS
    if FIRST.get(framework) == each or SERVERS[FORMATS.index((framework, each)) % len(SERVERS)] == server
]
TRITON_MODELS = [  # backends that load a model's file, with its formats
    ("triton-fil", "json"),
    ("triton-fil", "ubj"),
    ("triton-fil", "txt"),
    ("triton-fil", "tl"),
    ("triton-onnxruntime", "onnx"),
    ("triton-tensorflow", "SavedModel"),
    ("triton-pytorch", "pt"),
    ("triton-python", "joblib"),
    ("triton-python", "pkl"),
]
TRITON_LANGUAGE_MODELS = ["triton-vllm", "triton-tensorrtllm"]
TEMPLATE = ("copier.yml", "questions", "catalog", "extensions", "template", "includes", "hooks")
Render = Callable[..., Path]

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
BEHIND_NGINX = (  # tests that start a server behind it
    "tests/lifecycle/test_language_model_run.py",
    "tests/render/test_ci.py::test_the_commands_of_the_test_job_run",
    "tests/serving/test_batches.py",
    "tests/serving/test_contract.py",
    "tests/serving/test_engine_serve.py",
    "tests/serving/test_engine_settings.py",
    "tests/serving/test_engine_token.py",
    "tests/serving/test_hangs.py",
    "tests/serving/test_language_model_contract.py",
    "tests/serving/test_language_model_ending.py",
    "tests/serving/test_language_model_routes.py",
    "tests/serving/test_openai_client.py",
    "tests/serving/test_openapi.py",
    "tests/serving/test_triton_chat.py",
    "tests/serving/test_triton_serve.py",
    "tests/serving/test_workers.py",
    "tests/unit/test_quoting.py::test_nginx_",
)
WITHOUT_NGINX = "nginx is not installed"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Tests that run in the background of a shell ignore Ctrl-C, and so would all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the tests behind nginx on a machine without it; the summary names them."""
    for item in items:
        if not NGINX and item.nodeid.startswith(BEHIND_NGINX):
            item.add_marker(pytest.mark.skip(reason=WITHOUT_NGINX))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name in one line the tests that were left out because nginx is missing."""
    skipped = terminalreporter.stats.get("skipped", [])
    names = [report.nodeid for report in skipped if WITHOUT_NGINX in str(report.longrepr)]
    if names:
        files = ", ".join(sorted({name.partition("::")[0] for name in names}))
        line = f"NOT TESTED: {WITHOUT_NGINX}, so {len(names)} tests were left out of {files}"
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session", autouse=True)
def quick_copies() -> Iterator[None]:
    """Let Copier compile each text once in a session."""
    with pytest.MonkeyPatch.context() as patch:
        quick_copier.install(patch)
        yield


@pytest.fixture(scope="session")
def copier_template_paths() -> list[str]:
    """Return the parts of the template, for pytest-copier."""
    return [*TEMPLATE]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the template without .git, as Copier then reads it in place, quickly."""
    copy, ignored = tmp_path_factory.mktemp("template"), shutil.ignore_patterns("__pycache__")
    for name in TEMPLATE:
        source = REPOSITORY / name
        shutil.copytree(source, copy / name, ignore=ignored) if source.is_dir() else shutil.copy(source, copy)
    compile_extension(copy)
    return copy


def compile_extension(template: Path) -> None:
    """Compile the extension of a template, for copies and clones of it too: each copy loads it again."""
    by_content = py_compile.PycInvalidationMode.CHECKED_HASH
    assert compileall.compile_dir(template / "extensions", quiet=1, invalidation_mode=by_content)


@pytest.fixture
def render(template: Path, tmp_path: Path) -> Iterator[Render]:
    """Return a function that renders a project with the answers given, defaults for the rest."""

    def render_project(name: str = "abalone-age", **answers: Any) -> Path:
        destination = tmp_path / name
        options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
        copier.run_copy(str(template), destination, data=answers, **options)
        return destination

    yield render_project


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, as somebody."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def release(folder: Path, tag: str) -> None:
    """Commit what is there and tag it."""
    git(folder, "add", "--all")
    git(folder, "commit", "--message", tag)
    git(folder, "tag", tag)
