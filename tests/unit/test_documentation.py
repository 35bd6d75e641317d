"""Every README leads to the documentation of the version that the project was rendered from."""

import pytest

from extensions.mcc.face.documentation import WITHOUT, documentation
from tests.conftest import Render

PAGE = "https://example.com/team/template/blob/v1.2.3/docs/index.md"


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/team/template",
        "https://example.com/team/template.git",
        "git@example.com:team/template.git",
    ],
)
def test_an_address_of_the_web_is_a_link(address: str) -> None:
    assert PAGE in documentation({"_src_path": address, "_commit": "v1.2.3"})


def test_shortcuts_of_copier_and_commits_between_tags() -> None:
    found = documentation({"_src_path": "gh:team/template", "_commit": "v1.2.3-4-g0123abc"})
    assert "https://github.com/team/template/blob/0123abc/docs/index.md" in found


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"_src_path": "/home/me/template", "_commit": "v1.2.3"},
        {"_src_path": "https://example.com/team/template"},
        {"_src_path": "https://me:secret@example.com/team/template", "_commit": "v1.2.3"},
        {"_src_path": "https://example.com/a/b) [x](https://evil.example", "_commit": "v1.2.3"},
    ],
)
def test_no_link_without_an_address_and_a_version(answers: dict[str, str]) -> None:
    assert documentation(answers) == WITHOUT


@pytest.mark.parametrize("config", ["http-fastapi", "transformers-vllm", "triton-fil", "triton-vllm"])
def test_every_readme_has_the_sentence(render: Render, config: str) -> None:
    project = render(deployment_config=config, offline=True)
    assert WITHOUT in (project / "README.md").read_text("utf-8")
