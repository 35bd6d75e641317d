"""The rules for `_exclude` hold in copier.yml and template/; test_copier_traps.py has the reasons."""

import re

import pytest

from tests import switches
from tests.conftest import Render
from tests.switches import GUARD, PATTERN, REPOSITORY, TEMPLATE


@pytest.mark.parametrize("line", switches.patterns())
def test_a_pattern_is_a_path_and_one_switch(line: str) -> None:
    """A condition that changes between versions leaves stale files, so it belongs into the switch."""
    match = PATTERN.fullmatch(line)
    assert match, f"write {line} as \"{{{{ '/path' if not switch }}}}\""
    assert not match[1].endswith("/"), f"{line}: Copier makes an empty directory of a path that ends in /"


@pytest.mark.parametrize("line", switches.patterns())
def test_a_pattern_matches_something(line: str) -> None:
    match = PATTERN.fullmatch(line)
    path = match[1] if match else ""
    found = {switches.rendered(file) for file in TEMPLATE.rglob("*") if file.is_file()}
    assert any(name == path or name.startswith(f"{path}/") for name in found), (
        f"nothing is rendered to {path}"
    )


def test_a_pattern_names_only_switches_of_the_oldest_version() -> None:
    """An update renders the patterns with the old answers, and an unknown name would stop it."""
    oldest = (REPOSITORY / "tests" / "data" / "oldest_questions.txt").read_text().split()
    unguarded = [line for line in switches.patterns() if not GUARD.search(line)]
    used = {match[2] for line in unguarded if (match := PATTERN.fullmatch(line))}
    assert used <= set(oldest), "guard it: {{ '/path' if switch is defined and not switch }}"


def test_the_documentation_shows_the_table() -> None:
    text = (REPOSITORY / "docs" / "development.md").read_text()
    shown = re.search(r"<!-- switches -->\n(.*?)\n<!-- /switches -->", text, re.DOTALL)
    assert shown and shown[1] == switches.markdown(), "run `python -m tests.switches` and paste its table"


def test_a_plain_file_next_to_its_template_is_the_default_project_s(render: Render) -> None:
    """Editors, mypy and tests follow imports in template/; a copy gets what is rendered for its answers."""
    made = render()
    pairs = [
        (path, path.with_suffix("")) for path in TEMPLATE.rglob("*.jinja") if path.with_suffix("").exists()
    ]
    assert pairs
    for template, plain in pairs:
        assert (made / switches.rendered(template).removeprefix("/")).read_text() == plain.read_text()
