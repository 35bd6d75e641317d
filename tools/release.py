"""`make release VERSION=1.2.3`: check the changelog, update projects from the last tag, and tag this commit.

`copier update` goes to the newest tag, so a tag is what projects get. Nothing is pushed.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import copier
import yaml

from tools import gallery, projects
from tools.projects import REPOSITORY

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
CONFLICT = re.compile(rb"^(<<<<<<< before|>>>>>>> after) updating", re.M)
KINDS: Mapping[str, Mapping[str, Any]] = {name: exhibit.answers for name, exhibit in gallery.GALLERY.items()}


def main() -> int:
    """Check, update and tag; return 1 when something is wrong, and tag nothing then."""
    parser = argparse.ArgumentParser("make release", description=__doc__)
    parser.add_argument("version", help="the new version, such as 1.2.3")
    options = parser.parse_args()
    problems = release(REPOSITORY, options.version)
    for problem in problems:
        print(f"Not released: {problem}", file=sys.stderr)
    if problems:
        return 1
    tag = f"v{options.version}"
    print(f"Tagged {tag}. To publish it: git push origin HEAD {tag}")
    return 0


def release(repository: Path, version: str, kinds: Mapping[str, Mapping[str, Any]] = KINDS) -> list[str]:
    """Tag the last commit of a repository; return why not, one line a problem, or an empty list."""
    last = last_tag(repository)
    if problems := check(repository, version, last):
        return problems
    if last:
        problems = update_lane(repository, last, f"v{version}", kinds)
    else:
        print("There is no earlier tag to update projects from.")
    if not problems:
        text = changes(repository)[version]
        git(repository, "tag", "--annotate", f"v{version}", "--message", f"{version}\n\n{text}")
    return problems


def check(repository: Path, version: str, last: str) -> list[str]:
    """Return the problems of a version before anything runs, one per line."""
    if not VERSION.fullmatch(version):
        return [f"{version} is not a version. Example: make release VERSION=1.2.3"]
    problems = []
    if last and numbers(version) <= numbers(last.removeprefix("v")):
        problems.append(f"{version} is not newer than the last tag, {last}.")
    if git(repository, "status", "--porcelain", "--untracked-files=no"):
        problems.append("There are uncommitted changes. Commit them: git commit --all")
    listed = changes(repository)
    if not listed.get(version):
        problems.append(
            f"CHANGELOG.md has no entries for {version}. Move those below `## Unreleased` to `## {version}`."
        )
    if listed.get("Unreleased"):
        problems.append(f"CHANGELOG.md has entries below `## Unreleased`. Move them to `## {version}`.")
    return problems


def changes(repository: Path) -> dict[str, str]:
    """Return the entries of CHANGELOG.md by version; a heading may have a date after the version."""
    text = (repository / "CHANGELOG.md").read_text("utf-8")
    sections = re.split(r"^## +(\S+).*\n", text, flags=re.M)[1:]
    return {name: body.strip() for name, body in zip(sections[::2], sections[1::2], strict=True)}


def update_lane(
    repository: Path, last: str, tag: str, kinds: Mapping[str, Mapping[str, Any]] = KINDS
) -> list[str]:
    """Update a project of each kind from the last tag to a new one; return a line for each that fails.

    Both tags are in a temporary clone, so the repository has no tag when this fails.
    """
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        git(repository, "clone", "--quiet", str(repository), str(clone))
        git(clone, "tag", tag)
        for name, answers in kinds.items():
            print(f"{name}: {last} to {tag}", flush=True)
            project = Path(folder) / name
            if problem := update(clone, project, last, tag, answers):
                problems.append(f"{name}: {problem}")
    return problems


def update(clone: Path, project: Path, last: str, tag: str, answers: Mapping[str, Any]) -> str:
    """Update one new project from a tag to another; return the problem, or an empty string."""
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    copier.run_copy(str(clone), project, data={**projects.FIXED, **answers}, vcs_ref=last, **options)
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", last)
    before = decisions(project)
    copier.run_update(project, vcs_ref=tag, overwrite=True, **options)
    after = decisions(project)
    if after.pop("_commit") != tag:
        return f"the update did not reach {tag}"
    before.pop("_commit")
    changed = [name for name, value in before.items() if after.get(name) != value]
    if changed:
        return f"the update changed answers: {', '.join(changed)}"
    files = [path for path in project.rglob("*") if path.is_file() and ".git" not in path.parts]
    conflicts = [path for path in files if path.suffix == ".rej" or CONFLICT.search(path.read_bytes())]
    if conflicts:
        return f"conflicts in {', '.join(str(path.relative_to(project)) for path in conflicts)}"
    return ""


def decisions(project: Path) -> dict[str, Any]:
    """Return the stored answers of a project."""
    return dict(yaml.safe_load((project / ".copier-answers.yml").read_text("utf-8")))


def last_tag(repository: Path) -> str:
    """Return the newest tag of a version, or an empty string when there is none."""
    tags = [tag for tag in git(repository, "tag", "--list", "v*").split() if VERSION.fullmatch(tag[1:])]
    return max(tags, key=lambda tag: numbers(tag[1:]), default="")


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers, which can be compared."""
    return tuple(map(int, version.split(".")))


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints. Raises CalledProcessError when it fails."""
    identity = ["-c", "user.name=Release", "-c", "user.email=release@example.com"]
    own = [] if folder == REPOSITORY else identity  # a tag of this repository has its maintainer's name
    done = subprocess.run(
        ["git", *own, *arguments], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
