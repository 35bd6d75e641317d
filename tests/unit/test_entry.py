"""Texts are compiled once, and render as if they were compiled at each use; a fork may have `yield` tags."""

import shutil
from pathlib import Path
from typing import Any

import copier
import pytest
from copier._jinja_ext import YieldExtension, get_yield_context
from jinja2.sandbox import SandboxedEnvironment

from extensions.entry import compile_once

YIELD = "{% yield name from names %}{{ name }}{% endyield %}"


@pytest.fixture
def environment() -> Any:
    environment = SandboxedEnvironment(extensions=[YieldExtension])
    compile_once(environment)
    return environment


def test_a_text_is_compiled_once_and_rendered_each_time(environment: Any) -> None:
    text = "{{ number }} apples"
    assert environment.from_string(text) is environment.from_string(text)
    assert [environment.from_string(text).render(number=number) for number in (1, 2)] == [
        "1 apples",
        "2 apples",
    ]


@pytest.mark.parametrize("value", [["a", "list"], True, 3, None])
def test_what_is_no_text_is_refused_as_before(environment: Any, value: Any) -> None:
    with pytest.raises(TypeError):
        environment.from_string(value)


def test_a_yield_tag_counts_for_its_own_text_alone(environment: Any) -> None:
    for _ in range(2):
        environment.from_string(YIELD).render(names=["one", "two"])
        assert list(get_yield_context(environment).yield_iterable or ()) == ["one", "two"]
        environment.from_string("plain").render()
        assert get_yield_context(environment).yield_name is None


def test_a_fork_may_yield_files(template: Path, tmp_path: Path) -> None:
    fork, made = tmp_path / "fork", tmp_path / "made"
    shutil.copytree(template, fork)
    name = "{% yield name from ['one', 'two'] %}{{ name }}{% endyield %}.txt.jinja"
    (fork / "template" / name).write_text("{{ name }} of {{ project_name }}\n")
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    copier.run_copy(str(fork), made, data={"project_name": "forked"}, **options)
    assert {path.name: path.read_text() for path in made.glob("*.txt")} == {
        "requirements.txt": (made / "requirements.txt").read_text(),
        "one.txt": "one of forked\n",
        "two.txt": "two of forked\n",
    }
    assert (made / "do" / "lifecycle" / "project.py").exists()
