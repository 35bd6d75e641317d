# Part of the library: `copier update` replaces this file.
"""The formats of the settings that name something in AWS. The answers to `copier copy` have the same ones."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_TAGS = 46  # of a resource; AWS accepts 50, and the commands add four
TAG_KEY, TAG_VALUE = re.compile(r"[\w .:/=+@-]{1,128}"), re.compile(r"[\w .:/=+@-]{0,256}")
RESERVED_KEY = re.compile(r"(aws:|mcc-)", re.IGNORECASE)


@dataclass(frozen=True)
class Format:
    """How a setting must look; of a list, how each item must look."""

    pattern: re.Pattern[str]
    rule: str
    example: str


FORMATS = {
    "project_name": Format(
        re.compile(r"(?=.{2,63}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*"),
        "2 to 63 lowercase letters, digits and single dashes, starting with a letter",
        "abalone-age",
    ),
    "project_id": Format(re.compile(r"[0-9a-f]{8}"), "eight hexadecimal digits", "c0ffee42"),
    "region": Format(
        re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"), "the name of an AWS Region", "eu-west-1"
    ),
    "account": Format(re.compile(r"|[0-9]{12}"), "an account of 12 digits", "123456789012"),
    "instance_type": Format(
        re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+"), "an instance type of SageMaker", "ml.c6i.large"
    ),
    "platform": Format(re.compile(r"linux/(amd64|arm64)"), "linux/amd64 or linux/arm64", "linux/amd64"),
}


def problems(values: Mapping[str, Any], formats: Mapping[str, Format]) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each setting with a wrong format, the observation, and the fix."""
    for name, value in values.items():
        if expected := formats.get(name):
            for item in value if isinstance(value, list) else [value]:
                if not expected.pattern.fullmatch(item):
                    yield (
                        name,
                        f"{name}: {item!r} is not {expected.rule}",
                        f'write a value such as "{expected.example}"',
                    )
    for seen, next_step in _tag_problems(values.get("tags", {})):
        yield "tags", seen, next_step


def _tag_problems(tags: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield why AWS would refuse tags, or they would replace those of the commands; and the fix."""
    if len(tags) > MOST_TAGS:
        yield f"tags has {len(tags)} entries, the maximum is {MOST_TAGS}", "remove some"
    for key, value in tags.items():
        if RESERVED_KEY.match(key):
            yield f"tags: {key} starts with aws: or mcc-, which are reserved", "use another key"
        elif not TAG_KEY.fullmatch(key) or not TAG_VALUE.fullmatch(value):
            rule = "up to 128 characters for keys, 256 for values: letters, digits, spaces and _.:/=+@-"
            yield f"tags: {key!r} = {value!r} is not accepted by AWS", rule
