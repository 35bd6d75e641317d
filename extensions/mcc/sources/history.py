"""The template's own git history: which library files of a project were edited since they were rendered."""

import hashlib
import re
import subprocess
from collections import defaultdict
from pathlib import Path

# The folders that `copier update` replaces; a team's own files are elsewhere.
LIBRARY = ("do/lifecycle", "do/contract", "serving/runtime")
SWITCH = re.compile(r"\{\{ [a-z_0-9]+ \}\}/")


def edited(project: Path, template: Path, commit: str) -> list[str]:
    """Return the library files of `project`, by relative path, that differ from `template` at `commit`.

    Files that are rendered from Jinja are not compared. The list is empty if git has no such commit.
    """
    rendered = blobs(template, commit)
    files = [path for folder in LIBRARY for path in sorted((project / folder).rglob("*")) if path.is_file()]
    named = {path.relative_to(project).as_posix(): path for path in files}
    return [name for name, path in named.items() if name in rendered and blob(path) not in rendered[name]]


def blobs(template: Path, commit: str) -> dict[str, set[str]]:
    """Return, for each path that a plain file of template/ is rendered to, the git blobs it may have."""
    command = ["git", "-C", str(template), "ls-tree", "-r", "-z", commit, "template/"]
    done = subprocess.run(command, capture_output=True, text=True)
    found: dict[str, set[str]] = defaultdict(set)
    varying = set()  # with a version that is rendered from Jinja
    for line in done.stdout.split("\0") if done.returncode == 0 else ():
        head, _, path = line.partition("\t")
        target = SWITCH.sub("", path.removeprefix("template/"))
        if path.endswith(".jinja"):
            varying.add(target.removesuffix(".jinja"))
        elif head:
            found[target].add(head.split()[2])
    return {target: blobs for target, blobs in found.items() if target not in varying}


def blob(path: Path) -> str:
    """Return the git blob of a file, with the line ends that git stores."""
    content = path.read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
