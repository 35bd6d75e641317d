"""Settings have the formats of the answers, and are checked when do/config.toml is read."""

import re
from pathlib import Path
from typing import Any

import pytest
from lifecycle import formats, project
from lifecycle.hyperpod import formats as hyperpod
from lifecycle.project import USAGE, Failure
from lifecycle.sagemaker import formats as sagemaker
from lifecycle.sagemaker.target import Target

from extensions.mcc.interview import answer_formats, company
from tests.unit.do.test_specification import SETTINGS

LISTS = ("subnets", "security_groups")


ALL = hyperpod.FORMATS | sagemaker.FORMATS


@pytest.mark.parametrize("name", sorted(set(ALL) & set(answer_formats.FORMATS)))
def test_a_setting_has_the_format_of_its_answer(name: str) -> None:
    setting, answer = ALL[name], answer_formats.FORMATS[name]
    item = setting.pattern.pattern
    pattern = f"|{item}( {item})*" if name in LISTS else item
    assert answer.pattern.pattern == pattern and answer.pattern.fullmatch(setting.example)
    assert setting.pattern.fullmatch(setting.example)
    assert formats.MOST_TAGS == company.MOST_TAGS


BAD: dict[str, Any] = {
    "project_name": "*",
    "project_id": "*",
    "region": "*",
    "account": "123",
    "instance_type": "ml.*",
    "platform": "linux/riscv",
    "role_arn": "*",
    "subnets": ["subnet-0123456789abcdef0", "*"],
    "security_groups": ["sg-1"],
    "kms_key": "arn:aws:kms:us-east-1:123456789012:alias/mine",
}
TAGS = [
    {"mcc-project-id": "other"},
    {"AWS:x": "y"},
    {"": "x"},
    {"a": "<"},
    {"a" * 129: "x"},
    {str(number): "x" for number in range(47)},
]


def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **changed: Any) -> Target:
    """Return the settings of a file with these changes."""
    values = {name: value for name, value in vars(SETTINGS).items() if name != "engine"}
    file = tmp_path / "config.toml"
    file.write_text("".join(f"{name} = {toml(value)}\n" for name, value in {**values, **changed}.items()))
    monkeypatch.setattr(project, "CONFIG", file)
    return project.load_config(Target, {})


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {toml(item)}' for key, item in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else repr(value)


@pytest.mark.parametrize("name", BAD)
def test_a_setting_of_another_format_is_refused_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert loaded(tmp_path, monkeypatch) == SETTINGS
    with pytest.raises(Failure) as refused:
        loaded(tmp_path, monkeypatch, **{name: BAD[name]})
    assert refused.value.code == USAGE and name in refused.value.finding.seen
    assert ALL[name].example in refused.value.finding.next


@pytest.mark.parametrize("tags", TAGS)
def test_tags_that_aws_or_the_commands_would_not_keep_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tags: dict[str, str]
) -> None:
    with pytest.raises(Failure, match="cannot use") as refused:
        loaded(tmp_path, monkeypatch, tags=tags)
    assert re.search("tags", refused.value.finding.seen)
    assert loaded(tmp_path, monkeypatch, tags={"Cost center": "R&D".replace("&", "+")}).tags
