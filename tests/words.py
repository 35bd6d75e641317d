"""Words that do not belong in text for people: translated, archaic and British forms.

`python -m tests.words [FILE...]` lists them with the words to write. In Python, comments, docstrings and
other strings are checked; names are not. `make lint` runs it on every file, templates included,
so it also covers rendered text.
"""

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
CHECKED = (".py", ".jinja", ".md", ".toml", ".yml", ".yaml", ".sh", ".cfg", "Makefile")
# Real logs, data with texts of others, and this list.
EXEMPT = ("tests/lifecycle/logs/", "tests/data/", "tests/words.py", "LICENSE")

BANNED = {
    r"mend(?:s|ed|ing)?": "fix",
    r"anew|afresh": "again, from scratch",
    r"dearer|too dear": "more expensive, over budget",
    r"stands? in": "is in, is defined in",
    r"all the same": "anyway, still",
    r"some(?:body|one) else's": "owned by another project",
    r"nobody(?![\"'])": "no one; or: X is unknown",
    r"go(?:es|ing)? on|went on": "continues, is still running",
    r"begun": "started",
    r"beside": "next to, alongside, in addition to",
    r"belongings?": "resources",
    r"tells?|told|telling": "report, show, state",
    r"sa(?:y|ys|ying|id)": "report, state, show",
    r"persons?": "user, people",
    r"remed(?:y|ies)": "fix, next step",
    r"troubles?": "known issue, problem",
    r"bring(?:s|ing)?|brought": "download, provide, add",
    r"l(?:ies|ay|ain|ying) (?:in|on|at|there|here|below|under|next|outside|where)": "is in",
    r"knows?|knew": "name the fact: AWS has no X; X is unknown",
    r"for want of": "because X is missing",
    r"gives? way": "is evicted, is replaced",
    r"hinders?|hindrance": "prevents, blocks",
    r"henceforth|hitherto|thereof|thereby|whilst|lest|till": "plain English",
    r"so many instances": "quota is too low",
    # American spelling
    r"behaviour|colour(?:s|ed)?|licence|favour\w*|centre|honour\w*|neighbour\w*": "American spelling",
    r"(?:cancel|label|model|travel)l(?:ed|ing)|artefacts?|catalogue": "American spelling",
    r"(?:\w{3,}(?:al|gn|im|il|an|ar|nt))is(?:e|es|ed|ing|ation|ations)": "-ize",
    r"learnt|spelt|afterwards|towards|grey": "American spelling",
}
OPENINGS = {r"(?:Return|Raise|Yield) what\b": "name the thing", r"What\b(?!.*\?)": "name the thing"}
WORDS = {re.compile(rf"(?<![\w./{{-])(?:{form})(?![\w-])", re.I): write for form, write in BANNED.items()}
STARTS = {re.compile(rf"^\W*{form}"): write for form, write in OPENINGS.items()}


class Finding(NamedTuple):
    """A banned form, and the words to write instead."""

    path: str
    line: int
    form: str
    write: str


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file that a person reads, with their numbers."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        yield from enumerate(source.splitlines(), start=1)
        return
    strings = {"STRING", "COMMENT", "FSTRING_MIDDLE"}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        # A string without a space is a name, not a sentence.
        if tokenize.tok_name[token.type] in strings and " " in token.string:
            yield from enumerate(token.string.splitlines(), start=token.start[0])


def findings(path: Path, name: str) -> Iterator[Finding]:
    """Yield the banned forms in one file."""
    for number, line in texts(path):
        for pattern, write in WORDS.items():
            for found in pattern.finditer(line):
                yield Finding(name, number, found.group(), write)
        for pattern, write in STARTS.items():
            if path.suffix == ".py" and (opening := pattern.search(line.lstrip("rbf\"'# "))):
                yield Finding(name, number, opening.group(), write)


def main(names: list[str]) -> int:
    """Print the findings in some files, or in all of the repository; return how the process ends."""
    listed = names or subprocess.check_output(["git", "ls-files"], cwd=REPOSITORY, text=True).splitlines()
    checked = [
        name
        for name in listed
        if name.endswith(CHECKED) and not name.startswith(EXEMPT) and (REPOSITORY / name).is_file()
    ]
    found = [finding for name in checked for finding in findings(REPOSITORY / name, name)]
    files = {finding.path for finding in found}
    for finding in found:
        print(f"{finding.path}:{finding.line}: {finding.form!r}; write: {finding.write}")
    if found:
        print(f"{len(found)} banned forms in {len(files)} files", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
