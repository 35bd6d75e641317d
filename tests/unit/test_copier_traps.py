"""Copier's traps are still as the rules of docs/development.md take them.

When one of these fails, Copier has changed: read the rules again.
"""

import os
from pathlib import Path
from typing import Any

import copier
import pytest

from tests.conftest import git, release

SETTINGS = """_subdirectory: template
_envops: {{undefined: jinja2.StrictUndefined}}
_exclude: [{pattern}]
kept: {{type: str, default: ".", when: false}}
empty: {{type: str, default: "", when: false}}
"""
ANSWERS = "{{ _copier_conf.answers_file }}.jinja"
OPTIONS: dict[str, Any] = {"defaults": True, "quiet": True, "unsafe": True}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a template of two files in a folder, without a version."""
    source = tmp_path / "source"
    write(source / "template", {"folder/file": "text\n", "other/folder/file": "text\n"})
    write(source / "template", {ANSWERS: "{{ _copier_answers | to_nice_yaml }}"})
    git(tmp_path, "init", str(source))
    return source


def write(folder: Path, files: dict[str, str]) -> None:
    """Write texts into files of a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def version(source: Path, tag: str, pattern: str = "''") -> None:
    """Release a version with a pattern in `_exclude`, in YAML."""
    (source / "copier.yml").write_text(SETTINGS.format(pattern=pattern))
    release(source, tag)


def made_from(source: Path) -> Path:
    """Return a committed project made from the newest version."""
    made = source.parent / "made"
    copier.run_copy(str(source), made, **OPTIONS)
    git(made, "init")
    release(made, "made")
    return made


def updated(made: Path) -> Path:
    """Update a project to the newest version."""
    copier.run_update(made, overwrite=True, **OPTIONS)
    return made


def test_a_pattern_that_names_an_unknown_switch_stops_an_update(source: Path) -> None:
    version(source, "v1")
    made = made_from(source)
    version(source, "v2", "\"{{ '/folder' if not added }}\"")
    with pytest.raises(Exception, match="'added' is undefined"):
        updated(made)


def test_a_guarded_pattern_lets_an_update_pass(source: Path) -> None:
    version(source, "v1")
    made = made_from(source)
    version(source, "v2", "\"{{ '/folder' if added is defined and not added }}\"")
    assert (updated(made) / "folder" / "file").exists()


def test_a_changed_condition_leaves_stale_files(source: Path) -> None:
    """New patterns hold for the copy of the old version, too, so nothing counts as deleted."""
    version(source, "v1", "\"{{ '/folder' if empty else '/other' }}\"")
    made = made_from(source)
    assert (made / "folder").exists() and not (made / "other").exists()
    version(source, "v2", "\"{{ '/folder' if kept else '/other' }}\"")
    updated(made)
    assert (made / "other" / "folder" / "file").exists()
    assert (made / "folder" / "file").exists(), "stale: the new version does not have it"


def test_a_switch_that_changes_takes_its_files_away(source: Path) -> None:
    """Logic in the switch does what logic in the pattern does not: each version works it out for itself."""
    pattern = "\"{{ '/folder' if not kept }}\""
    version(source, "v1", pattern)
    made = made_from(source)
    settings = SETTINGS.format(pattern=pattern).replace('default: "."', 'default: ""')
    (source / "copier.yml").write_text(settings)
    release(source, "v2")
    assert not (updated(made) / "folder").exists()


def test_hidden_questions_are_known_to_patterns(source: Path) -> None:
    version(source, "v1", "\"{{ '/folder' if kept }}\"")
    assert not (made_from(source) / "folder").exists()


def test_an_empty_pattern_excludes_nothing(source: Path) -> None:
    version(source, "v1", "\"{{ '/folder' if empty }}\"")
    assert (made_from(source) / "folder" / "file").exists()


def test_a_pattern_with_a_slash_at_its_end_leaves_an_empty_directory(source: Path) -> None:
    version(source, "v1", "/folder/")
    made = made_from(source)
    assert list((made / "folder").iterdir()) == []


def test_a_pattern_without_a_slash_matches_at_any_depth(source: Path) -> None:
    version(source, "v1", "folder")
    made = made_from(source)
    assert not (made / "folder").exists() and not (made / "other" / "folder").exists()


def test_an_anchored_pattern_matches_at_the_top_alone(source: Path) -> None:
    version(source, "v1", "/folder")
    made = made_from(source)
    assert not (made / "folder").exists() and (made / "other" / "folder" / "file").exists()


def test_an_edit_in_a_moved_file_is_dropped(source: Path) -> None:
    """So `before_update` lists the files of the library that a team has edited."""
    version(source, "v1")
    made = made_from(source)
    write(made, {"folder/file": "text of the team\n"})
    release(made, "edited")
    git(source, "mv", "template/folder", "template/moved")
    version(source, "v2")
    updated(made)
    assert not (made / "folder").exists() and (made / "moved" / "file").read_text() == "text\n"
    assert not list(made.rglob("*.rej"))


def test_a_recopy_keeps_what_the_template_has_lost(source: Path) -> None:
    """So docs/how-to/updates.md shows `copier update`."""
    version(source, "v1")
    made = made_from(source)
    git(source, "mv", "template/folder", "template/moved")
    version(source, "v2")
    copier.run_recopy(made, overwrite=True, **OPTIONS)
    assert (made / "folder" / "file").exists() and (made / "moved" / "file").exists()


def test_a_template_takes_the_place_of_a_plain_file_next_to_it(source: Path) -> None:
    """So `served.py` can be next to `served.py.jinja`."""
    write(source / "template", {"file": "plain", "file.jinja": "rendered"})
    version(source, "v1")
    assert (made_from(source) / "file").read_text() == "rendered"


def test_a_link_to_a_program_loses_its_executable_bit(source: Path) -> None:
    """So each launcher in template/do is a file of its own."""
    program = source / "template" / "program"
    write(source / "template", {"program": "#!/bin/sh\n"})
    program.chmod(0o755)
    program.with_name("link").symlink_to("program")
    version(source, "v1")
    made = made_from(source)
    assert os.access(made / "program", os.X_OK) and not os.access(made / "link", os.X_OK)
