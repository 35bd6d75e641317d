"""do/config.toml has every setting, and no questions."""

import dataclasses
from pathlib import Path

from lifecycle.project import variable
from lifecycle.sagemaker.target import Target

from extensions.mcc.interview import questions
from extensions.mcc.sources import settings


def test_every_setting_is_in_the_file_and_not_taken_for_a_question(rendered: Path) -> None:
    lines = (rendered / "do" / "config.toml").read_text().splitlines()
    written = {line.partition(" = ")[0] for line in lines if line and not line.startswith("#")}
    known = {field.name for field in dataclasses.fields(Target)}
    assert written == known
    variables = {variable(name): "1" for name in known}
    assert not settings.read(questions.QUESTIONS, variables).values
