"""Copier's lines about files are hidden once, and only where Copier has the function that prints them."""

from types import SimpleNamespace

import pytest

from extensions.mcc.face import quiet_copy


def copier_main(printed: list[str]) -> SimpleNamespace:
    """Return a module like copier._main that records its lines."""
    return SimpleNamespace(printf=lambda action, msg="", **named: printed.append(action))


def test_files_are_hidden_and_decisions_are_shown() -> None:
    printed: list[str] = []
    main = copier_main(printed)
    quiet_copy.hide_files(main, ["copier", "copy"])
    for action in ("create", "identical", "conflict", "overwrite", "skip"):
        main.printf(action, "a file", quiet=False)
    assert printed == ["conflict", "overwrite", "skip"]


def test_the_function_is_wrapped_once() -> None:
    main = copier_main([])
    quiet_copy.hide_files(main, [])
    wrapped = main.printf
    quiet_copy.hide_files(main, [])
    assert main.printf is wrapped


@pytest.mark.parametrize("flag", ["-n", "--pretend"])
def test_a_pretended_copy_shows_its_files(flag: str) -> None:
    printed: list[str] = []
    main = copier_main(printed)
    quiet_copy.hide_files(main, ["copier", "copy", flag])
    main.printf("create", "a file")
    assert printed == ["create"]


@pytest.mark.parametrize("main", [None, SimpleNamespace(), SimpleNamespace(printf="text")])
def test_another_version_of_copier_is_left_as_it_is(main: object) -> None:
    before = getattr(main, "printf", None)
    quiet_copy.hide_files(main, [])
    assert getattr(main, "printf", None) is before
