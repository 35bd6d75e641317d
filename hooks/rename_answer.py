"""A migration: give an answer of a project the name that its question has now.

Called as `rename_answer.py ANSWERS_FILE OLD NEW` in the project, before an update reads its answers.
"""

import re
import sys
from pathlib import Path


def main(answers_file: str, old: str, new: str) -> None:
    """Rename an answer; one that has the new name already stays as it is."""
    path = Path(answers_file)
    text = path.read_text("utf-8")
    if not re.search(rf"^{re.escape(new)}:", text, re.MULTILINE):
        path.write_text(re.sub(rf"^{re.escape(old)}:", f"{new}:", text, flags=re.MULTILINE), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
