"""`make docs`: the documentation site in .site/html, built from docs/, and every link in it followed.

Links in docs/ are those of the repository, so that the pages work there, too. A link to a file outside docs/
leads to the page that is made of it, or becomes plain text.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools import gallery
from tools.projects import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES_OF_FILES = {"CHANGELOG.md": "changelog.md"}  # files of the repository -> their pages
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def main() -> int:
    """Build the site; return 1 and name each broken link if there is one."""
    site = REPOSITORY / ".site"
    problems = build(site)
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    if problems:
        return 1
    print(f"Open {(site / 'html' / 'index.html').relative_to(REPOSITORY)} in a browser.")
    return 0


def build(site: Path) -> list[str]:
    """Build the site in a folder and return its problems, one line each."""
    source, html = site / "source", site / "html"
    for folder in (source, html):
        shutil.rmtree(folder, ignore_errors=True)
    problems = stage(source)
    gallery.write(site / "gallery", source / "gallery")
    shutil.move(source / "zensical.toml", site / "zensical.toml")
    program = shutil.which("zensical", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        return ["zensical is not installed. Run make docs, which installs the tools of pyproject.toml."]
    done = subprocess.run(
        [program, "build", "--strict", "--clean"],
        cwd=site,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        return [*problems, done.stdout]
    return [*problems, *broken_links(html)]


def stage(source: Path) -> list[str]:
    """Copy the pages of docs/ with links that work in the site; return links to files that do not exist."""
    shutil.copytree(DOCS, source)
    for file, page in PAGES_OF_FILES.items():
        shutil.copy(REPOSITORY / file, source / page)
    problems: list[str] = []
    for path in sorted(source.rglob("*.md")):
        inside = path.relative_to(source)
        if inside.as_posix() in PAGES_OF_FILES.values():
            continue
        text, missing = _for_site(inside, path.read_text("utf-8"))
        path.write_text(text, "utf-8")
        problems += missing
    return problems


def _for_site(page: Path, text: str) -> tuple[str, list[str]]:
    """Return the text of a page with links for the site, and a line for each file that does not exist."""
    missing = []

    def replaced(link: re.Match[str]) -> str:
        title, target = link.groups()
        if urlsplit(target).scheme or target.startswith("#"):
            return link.group()
        file, hash_sign, anchor = target.partition("#")
        path = Path(os.path.normpath(DOCS / page.parent / file))
        if path.is_relative_to(DOCS):
            return link.group()
        name = path.relative_to(REPOSITORY).as_posix()
        if not path.exists():
            missing.append(f"docs/{page}: {target} does not exist")
        if name not in PAGES_OF_FILES:
            return title
        return f"[{title}]({os.path.relpath(PAGES_OF_FILES[name], page.parent)}{hash_sign}{anchor})"

    return LINK.sub(replaced, text), missing


@dataclass
class _Page(HTMLParser):
    """The links and anchors of one HTML file."""

    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := found.get(name))}
        self.links += [value for name in ("href", "src") if (value := found.get(name))]


def broken_links(html: Path) -> list[str]:
    """Return a line for each link, picture or anchor within the site that does not exist."""
    pages = {}
    for path in sorted(html.rglob("*.html")):
        page = _Page()
        page.feed(path.read_text("utf-8"))
        pages[path] = page
    return [
        f"{path.relative_to(html)}: {link} does not exist"
        for path, page in pages.items()
        if path.name != "404.html"  # its links start at the root of the server
        for link in _broken(html, path, page, pages)
    ]


def _broken(html: Path, path: Path, page: _Page, pages: dict[Path, _Page]) -> Iterator[str]:
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
        target = target / "index.html" if target.is_dir() else target
        known = pages.get(target)
        anchor = unquote(parts.fragment)
        if not target.exists() or (anchor and known and anchor not in known.anchors):
            yield link


if __name__ == "__main__":
    sys.exit(main())
