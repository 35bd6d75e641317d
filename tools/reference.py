"""`make reference`: the pages of docs/reference/ that are generated, written from their sources.

Questions come from questions/*.yml and the catalog, commands from their parsers, settings from the annotated
settings files of rendered projects, and the resources that do/clean deletes from its own table. The pages are
checked in, because a rendered project links to the docs of its version in the repository, where no build
runs. `tests/docs` fails when one of them is out of date.
"""

import sys
import tempfile
from pathlib import Path

from tools import projects
from tools.clean_page import clean_page
from tools.command_page import commands_page
from tools.projects import FOLDER, HYPERPOD
from tools.question_page import questions_page
from tools.setting_page import settings_page

PROJECTS: dict[str, dict[str, object]] = {
    "endpoint": {"build_target": "codebuild"},
    "serverless": {"deployment_target": "serverless-inference"},
    "batch": {"deployment_target": "batch-transform"},
    "cluster": {**HYPERPOD, "deployment_config": "transformers-vllm", "build_target": "codebuild"},
    "chat": {"deployment_config": "transformers-vllm"},
    "triton": {"deployment_config": "triton-fil"},
}


def main() -> int:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
        print(f"docs/reference/{name}")
    return 0


def pages() -> dict[str, str]:
    """Return the generated pages by the names of their files."""
    with tempfile.TemporaryDirectory() as folder:
        template = projects.copy_of_template(Path(folder) / "template")
        made = {
            name: projects.render(template, Path(folder) / name / "my-model", answers)
            for name, answers in PROJECTS.items()
        }
        questions_alone = Path(folder) / "questions"
        projects.copy_of_template(questions_alone, files=False)
        return {
            "questions.md": questions_page(questions_alone, Path(folder) / "none" / "my-model"),
            "commands.md": commands_page(made),
            "settings.md": settings_page(made),
            "clean.md": clean_page(made),
        }


if __name__ == "__main__":
    sys.exit(main())
