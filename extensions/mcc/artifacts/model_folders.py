"""The other files of a model, and whether all of them exist."""

import re
from glob import escape
from pathlib import Path

SHARD = re.compile(r"(?P<name>.+)\.data-[0-9]{5}-of-(?P<count>[0-9]{5})")


def folder_problem(folder: Path) -> str:
    """Return why a model's folder cannot be copied, or '': a link leaves it, or parts of it are missing.

    A file behind a link that leaves the folder would end up in the image without being part of the model.
    """
    if leaving := link_that_leaves(folder):
        target = leaving.resolve()
        where = "which it is in" if leaving.parent.resolve().is_relative_to(target) else "outside the folder"
        return f"{leaving.relative_to(folder)} in it is a link to {target}, {where}"
    return _variables_problem(folder / "variables")


def link_that_leaves(folder: Path) -> Path | None:
    """Return the first link to something outside a folder, or to a folder that the link is in, or None.

    A copy that follows a link of the second kind does not end.
    """
    for link in sorted(path for path in folder.rglob("*") if path.is_symlink()):
        target = link.resolve()
        if not target.is_relative_to(folder.resolve()) or link.parent.resolve().is_relative_to(target):
            return link
    return None


def file_problem(model: Path) -> str:
    """Return why a dump of joblib is not a model by itself, or ''. Old releases wrote an array a file."""
    others = sorted(path.name for path in model.parent.glob(f"{escape(model.name)}_[0-9]*.npy*"))
    if not others:
        return ""
    return f"its arrays are in other files ({others[0]} …), as joblib 0.9 wrote them: save it again"


def _variables_problem(variables: Path) -> str:
    """Return which file of a SavedModel's variables is missing, or ''."""
    names = {path.name for path in variables.glob("variables.*")}
    shards = [found for name in names if (found := SHARD.fullmatch(name))]
    if shards and "variables.index" not in names:
        return "variables/variables.index is missing"
    if "variables.index" in names and not shards:
        return "variables/variables.data-… is missing"
    for found in shards:
        count = int(found["count"])
        wanted = {f"{found['name']}.data-{number:05}-of-{count:05}" for number in range(count)}
        if missing := sorted(wanted - names):
            return f"variables/{missing[0]} is missing"
    return ""
