"""Notes before an update: files that it deletes, and library files that were edited."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..sources import history
from . import copier_run


def before_update(conf: Mapping[str, Any]) -> str:
    """Return notes before an update: files that a new choice removes, and library files edited here."""
    return "\n".join(filter(None, (_changes_of_stack(conf), _edited_library(conf))))


def _changes_of_stack(conf: Mapping[str, Any]) -> str:
    """Return a warning when an update changes the server, the framework or the model."""
    decisive = ("deployment_config", "deployment_target", "framework", "model_name")
    changed = [name for name in decisive if name in conf["data"]]
    if not changed:
        return ""
    return (
        f"{' and '.join(changed)} will change: files of the old choice are deleted, also edited ones. "
        "Committed versions stay in git. For another language model, the instance type is chosen again."
    )


def _edited_library(conf: Mapping[str, Any]) -> str:
    """Return a warning that names the library files which were edited in the project."""
    commit = str(copier_run.last_answers(conf).get("_commit", ""))
    edited = history.edited(Path(conf["dst_path"]), Path(conf["src_path"]), commit) if commit else []
    if not edited:
        return ""
    listed = "\n".join(f"  {name}" for name in edited)
    return (
        f"These library files were edited in this project:\n{listed}\n"
        "The update merges your edits, but loses them where the template moved or deleted the file. "
        "`git diff` shows the result."
    )
