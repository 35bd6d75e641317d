"""The documentation: the site builds, its links work, and its generated pages are up to date."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.conftest import REPOSITORY
from tools import docs, gallery, pictures, projects, question_page, reference

pytestmark = pytest.mark.xdist_group("docs")


def test_the_site_builds_and_no_link_in_it_is_broken(tmp_path: Path) -> None:
    assert docs.build(tmp_path) == []
    for name, exhibit in gallery.GALLERY.items():
        page = (tmp_path / "source" / "gallery" / f"{name}.md").read_text("utf-8")
        assert all(f"\n## {file}\n" in page for file in exhibit.files)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top"></h1><a href="b.html#there"></a><a href="b.html#gone"></a><a href="c.html"></a>'
        '<img src="none.svg"><a href="#top"></a><a href="https://example.com/x"></a>'
    )
    (tmp_path / "b.html").write_text('<h1 id="there"></h1>')
    found = docs.broken_links(tmp_path)
    assert found == [f"a.html: {link} does not exist" for link in ("b.html#gone", "c.html", "none.svg")]


def test_a_link_to_a_file_that_does_not_exist_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = tmp_path / "docs"
    shutil.copytree(docs.DOCS, pages)
    (pages / "index.md").write_text("[a](../NOTHING.md) [b](../README.md)")
    monkeypatch.setattr(docs, "DOCS", pages)
    monkeypatch.setattr(docs, "REPOSITORY", tmp_path)
    for name in ("README.md", "CHANGELOG.md"):
        (tmp_path / name).write_text("")
    assert "docs/index.md: ../NOTHING.md does not exist" in docs.stage(tmp_path / "source")
    assert (tmp_path / "source" / "index.md").read_text() == "a b"


@pytest.mark.parametrize("page", ["questions.md", "commands.md", "settings.md", "clean.md"])
def test_generated_pages_are_up_to_date(page: str, generated: dict[str, str]) -> None:
    current = (projects.FOLDER / page).read_text("utf-8")
    assert current == generated[page], "run make reference and commit docs/reference"


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return reference.pages()


def test_every_question_has_a_note() -> None:
    notes = yaml.safe_load((projects.FOLDER / "question_notes.yml").read_text("utf-8"))
    assert set(notes) == {name for file in question_page.PHASES for name in question_page.visible(file)}


@pytest.mark.parametrize("name", ["architecture.svg", "memory.svg"])
def test_drawings_are_up_to_date(name: str) -> None:
    current = (pictures.FOLDER / name).read_text("utf-8")
    assert current == pictures.pictures()[name], "run make pictures and commit docs/pictures"


def test_pictures_are_small_and_shown() -> None:
    pages = [REPOSITORY / "README.md", *docs.DOCS.rglob("*.md")]
    text = "".join(path.read_text("utf-8") for path in pages)
    for path in pictures.FOLDER.iterdir():
        assert path.stat().st_size <= 100_000, f"{path.name} is larger than 100 KB"
        assert f"pictures/{path.name}" in text, f"no page shows {path.name}"


def test_links_of_the_readme_lead_to_files() -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    links = re.findall(r'\]\(([^)#\s]+)|src="([^"]+)"', text)
    for link in filter(None, (a or b for a, b in links)):
        assert link.startswith("https://") or (REPOSITORY / link).exists(), link
