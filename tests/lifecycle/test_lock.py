"""do/lock writes the pins of requirements.in, keeps those that fit, and shows the difference."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extensions.mcc.catalog import catalog, wheel_hashes
from extensions.mcc.interview import locks
from tests.lifecycle.commands import NAME, imported
from tests.lifecycle.conftest import copied


@pytest.fixture
def project(rendered: Path, tmp_path: Path) -> Iterator[tuple[Path, Any]]:
    """Return a project and its module of do/lock."""
    folder = copied(rendered, tmp_path / NAME)
    with imported(folder, "predictive.lock") as lifecycle:
        yield folder, lifecycle.predictive.lock


def locked(
    lock: Any, monkeypatch: pytest.MonkeyPatch, upgrade: bool = False, **answer: Any
) -> tuple[Any, list[Any]]:
    """Run do/lock with a resolution in place of uv's; return its result and the resolutions it asked for."""
    calls: list[Any] = []
    known = wheel_hashes.known()

    def resolve(uv: Any, wanted: Any, pythons: Any) -> Any:
        calls.append(wanted)
        if "error" in answer:
            raise lock.resolver.Unresolved(answer["error"])
        digests = {
            pin.partition(" ;")[0]: known.get(pin.partition(" ;")[0], ("0" * 64,)) for pin in answer["pins"]
        }
        return lock.resolver.Lock(tuple(answer.get("pythons", pythons)), tuple(answer["pins"]), digests)

    monkeypatch.setattr(lock.resolver, "resolve", resolve)
    monkeypatch.setattr(lock.resolver, "find_uv", lambda: ["uv"])
    return lock.run(None, argparse.Namespace(upgrade=upgrade)), calls


def pins_of(folder: Path) -> list[str]:
    """Return the pins of requirements.txt, each with its marker, without the hashes."""
    lines = (folder / "requirements.txt").read_text().splitlines()
    return [line.removesuffix(" \\") for line in lines if not line.startswith(("#", " "))]


def test_an_added_package_is_pinned_and_the_others_stay(
    project: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lock = project
    before = pins_of(folder)
    with (folder / "requirements.in").open("a") as direct:
        direct.write("category-encoders>=2.6  # of the model\n")
    changed = [pin.replace("numpy==2.4.6", "numpy==2.5.0") for pin in before if not pin.startswith("orjson")]
    result, [wanted] = locked(lock, monkeypatch, pins=[*changed, "category-encoders==2.11.2"])
    assert result["changes"] == ["+ category-encoders 2.11.2", "  numpy 2.4.6 -> 2.5.0", "- orjson 3.13.0"]
    assert [
        pin.removesuffix(" \\") for pin in wanted.kept
    ] == before and "scikit-learn==1.7.1" in wanted.direct
    assert pins_of(folder) == [*changed, "category-encoders==2.11.2"]
    added = f"category-encoders==2.11.2 \\\n    --hash=sha256:{'0' * 64}\n"
    assert (folder / "requirements.txt").read_text().endswith(added)
    assert (
        (folder / "requirements.txt")
        .read_text()
        .startswith("# All packages, pinned, for Python 3.11, 3.12, 3.13.")
    )
    assert not [path.name for path in folder.iterdir() if path.name.endswith(".new")]


def test_the_pins_of_the_template_are_up_to_date(
    project: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lock = project
    text = (folder / "requirements.txt").read_text()
    result, [wanted] = locked(lock, monkeypatch, upgrade=True, pins=pins_of(folder))
    assert result == {"changes": [], "text": "requirements.txt is up to date"} and wanted.kept == []
    assert (folder / "requirements.txt").read_text() == text


def test_a_wheel_that_the_file_does_not_allow_is_added(
    project: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lock = project
    path = folder / "requirements.txt"
    text = path.read_text()
    digest = wheel_hashes.known()["joblib==1.4.2"][0]
    path.write_text(text.replace(digest, "f" * 64))
    result, _ = locked(lock, monkeypatch, pins=pins_of(folder))
    assert path.read_text() == text and "Commit" in result["text"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "Because a and b conflict"}, "unresolved(.|\n)*Because a and b conflict"),
        ({"pins": ["numpy==2"], "pythons": ["3.11"]}, r"no-wheels(.|\n)*Python 3\.12, 3\.13"),
    ],
)
def test_a_failure_changes_nothing(
    project: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], words: str
) -> None:
    folder, lock = project
    text = (folder / "requirements.txt").read_text()
    with pytest.raises(Exception, match=words):
        locked(lock, monkeypatch, **answer)
    assert (folder / "requirements.txt").read_text() == text


def test_a_python_that_the_image_does_not_have_is_only_reported(
    project: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lock = project
    result, _ = locked(lock, monkeypatch, pins=["numpy==2.0.0"], pythons=["3.11", "3.12"])
    assert "no wheels for Python 3.13" in result["text"] and "use Python 3.11, 3.12" in result["text"]
    assert "for Python 3.11, 3.12. Install" in (folder / "requirements.txt").read_text()


def test_without_uv_or_file_the_next_command_is_named(
    project: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lock = project
    monkeypatch.setattr(lock.resolver, "find_uv", lambda: [])
    with pytest.raises(Exception, match=r"no-uv(.|\n)*pip install uv"):
        lock.run(None, argparse.Namespace(upgrade=False))
    (folder / "requirements.in").unlink()
    with pytest.raises(Exception, match=r"git checkout requirements\.in"):
        lock.run(None, argparse.Namespace(upgrade=False))


@pytest.mark.parametrize(
    "line",
    [
        "git+https://x.example/y",
        "-r other.txt",
        "x @ https://x.example/x.whl",
        "./mine",
        "--index-url=https://x",
    ],
)
def test_a_line_that_cannot_be_pinned_is_refused(project: tuple[Path, Any], line: str) -> None:
    with pytest.raises(Exception, match=r"not-a-requirement(.|\n)*line 2: "):
        project[1].parsed(f"numpy>=2\n{line}\n")
    assert project[1].parsed('a[b,c]>=1,<2 ; python_version > "3"\n').lines == (
        'a[b,c]>=1,<2 ; python_version > "3"',
    )


def test_the_day_and_the_unused_packages_are_read(project: tuple[Path, Any]) -> None:
    found = project[1].parsed("# as-of: 2023-03-17\n# without: plotly graphviz\n# other\nnumpy<2\n")
    assert (found.lines, found.as_of, found.unused) == (("numpy<2",), "2023-03-17", ("plotly", "graphviz"))
    with pytest.raises(Exception, match="not-a-day"):
        project[1].parsed("# as-of: last year\n")


@pytest.mark.parametrize("framework", catalog.frameworks())
def test_the_requirements_of_every_lock_are_named(framework: str) -> None:
    facts = catalog.frameworks()[framework]
    for version in facts.versions:
        for model_format in facts.formats:
            direct = locks.direct(framework, version.number, "http-flask", model_format)
            pinned = {
                pin.partition("==")[0]
                for pin in locks.requirements(framework, version.number, "http-flask", model_format)
            }
            names = {
                line.split(";")[0].split("=")[0].split(">")[0].split("<")[0].strip() for line in direct.lines
            }
            assert names <= pinned, (version.number, names - pinned)
    assert locks.direct("sklearn", "1.2.2", "http-flask").as_of == "2023-03-17"
