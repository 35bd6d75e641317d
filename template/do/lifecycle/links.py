# Part of the library: `copier update` replaces this file.
"""Links in a model or in the source of a build, which could add other files to the image."""

from pathlib import Path

from lifecycle.project import PRECONDITION, PROJECT, Failure


def refuse_leaving(folder: Path, what: str) -> None:
    """Raise Failure (precondition) for a link to a target outside of a folder; `what` is the consequence."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise _failure(path, folder, what)


def refuse_in_source(what: str) -> None:
    """Raise Failure (precondition) for a link to a target outside, in folders that the builder reads."""
    lines = (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
    names = [line[1:].strip().strip("/") for line in lines if line.startswith("!")]
    if "*" not in lines:
        names = [path.name for path in PROJECT.iterdir() if not path.name.startswith(".")]
    for path in (PROJECT / name for name in names):
        if path.is_symlink():
            raise _failure(path, PROJECT, what)
        refuse_leaving(path, what)


def _failure(path: Path, folder: Path, what: str) -> Failure:
    seen = f"{path} is a link to {path.resolve()}, outside {folder}"
    next_step = "replace the link with a copy of the file (cp -L), or remove it"
    return Failure(PRECONDITION, "link-leaves", what, seen, next_step)
