"""Every command block of README.md and docs/ is run here or by the test it names, or states why it is not.

A comment before a block names it: `<!-- tested: tests/…py::test_… -->` or `<!-- not tested: reason -->`.
A block without one is run as it is, in a clone of this repository, with the prompts of Copier left at their
defaults.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from tests import model_files
from tests.conftest import REPOSITORY, TEMPLATE, git, release
from tests.docs.blocks import Block, all_blocks, of_text
from tests.stranger.test_readme import goals

pytestmark = pytest.mark.xdist_group("docs")
BLOCKS = all_blocks()
TO_RUN = {
    page: [block.text for block in blocks]
    for page, blocks in groupby((block for block in BLOCKS if block.is_run), lambda block: block.page)
}
# There is no terminal, and the sample model is not trained.
COPIER = """copier() {
    local verb=$1; shift
    [[ $* == *--defaults* ]] || set -- --defaults "$@"
    [[ $* == *model_path=* ]] || set -- --skip-tasks "$@"
    command copier "$verb" "$@"
}
"""
Shell = Callable[[str], str]


def test_a_block_is_found_with_its_comment() -> None:
    text = (
        "<!-- not tested: x -->\n```bash\na\n```\ntext\n```sh\nb\n```\n<!-- far -->\n\n```console\nc\n```\n"
    )
    found = [(block.line, block.text, block.mark) for block in of_text("page", text)]
    assert found == [(2, "a\n", "not tested: x"), (6, "b\n", ""), (11, "c\n", "")]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.mark], ids=str)
def test_a_comment_gives_a_reason_or_names_a_test(block: Block) -> None:
    kind, _, about = block.mark.partition(": ")
    if kind == "not tested":
        assert len(about.split()) >= 3, f"{block}: give the reason"
        return
    assert kind == "tested", f"{block}: start the comment with `tested:` or `not tested:`"
    file, _, name = about.partition("::")
    assert f"\ndef {name}(" in (REPOSITORY / file).read_text("utf-8"), f"{block}: {about} is no test"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return a function that runs lines of a shell in a clone with a tag, offline, with an empty home."""
    clone, home = tmp_path / "ml-container-creator", tmp_path / "home"
    home.mkdir()
    shutil.copy(REPOSITORY / "tests" / "data" / "models" / "sklearn-1.9.1.joblib", home / "churn.joblib")
    shutil.copy(REPOSITORY / "tests" / "data" / "models" / "lightgbm-4.5.0.pkl", home / "churn.pkl")
    (home / "churn.onnx").write_bytes(model_files.onnx())
    (home / "churn.cbm").write_bytes(b"CBM1")  # which a copy does not read
    clone.mkdir()
    for name in (*TEMPLATE, "Makefile", "pyproject.toml", "tests"):
        source = REPOSITORY / name
        shutil.copytree(source, clone / name) if source.is_dir() else shutil.copy(source, clone)
    git(clone, "init")
    release(clone, "v1.0.0")
    (clone / ".venv").symlink_to(sys.prefix)
    os.utime(clone / "pyproject.toml", (0, 0))  # older than .venv, which is then taken as it is
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MCC_", "HF_"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    identity = {
        f"GIT_{who}_{what}": "test@example.com"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    environment = {**kept, **identity, "HOME": str(home), "PATH": path, "MCC_OFFLINE": "1"}

    def run(lines: str) -> str:
        done = subprocess.run(
            ["bash", "-eu", "-c", COPIER + lines],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{lines}\n{done.stdout}"
        return done.stdout

    return run


@pytest.mark.parametrize("page", TO_RUN)
def test_the_blocks_of_a_page_run(page: str, shell: Shell) -> None:
    shell("".join(TO_RUN[page]))


def test_the_goals_of_the_readme_are_reached(shell: Shell) -> None:
    commands = goals()
    assert len(commands) == 6
    shell(commands["Serve my scikit-learn pipeline"])
    assert "sklearn" in shell("cat ../churn/.copier-answers.yml") and shell("ls ../churn/model/*.joblib")
    assert "-d framework_version=1.9.1" in shell(commands["Find out what a model file needs"])
    shell(commands["Deploy Llama 3.1 8B at the lowest price"])
    sized = shell("make size MODEL=meta-llama/Llama-3.1-8B-Instruct")
    cheapest = next(line.split()[0] for line in sized.splitlines() if line.startswith("  ml."))
    assert f"instance_type: {cheapest}\n" in shell("cat ../chat/.copier-answers.yml")
    assert "ml." in shell(commands["Size a model"])
    shell(commands["Fork it for a team"])
    made = 'copier copy --trust "$PWD" ../projects/{0} && cd ../projects/{0} && git init -q && git add -A'
    for name in ("one", "two"):
        shell(f"{made.format(name)} && git commit -qm made")
    shell("touch NEWS && git add NEWS && git commit -qm news && git tag v1.1.0")
    shell(commands["Update fifty projects"])
    assert shell("cat ../projects/*/.copier-answers.yml").count("_commit: v1.1.0\n") == 2
