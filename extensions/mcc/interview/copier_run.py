"""The run of Copier that questions are asked in, by its settings (`_copier_conf`): a copy or an update."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..models import hub
from . import answer_formats

YES = ("true", "yes", "y", "1", "on")
COPY = re.compile(r"copier\..*\.(old|new)_copy\..+")  # temporary folders of `copier update`


def is_new_project(conf: Mapping[str, Any]) -> bool:
    """Return whether this is a user's `copier copy` to a new folder."""
    exists = (Path(conf["dst_path"]) / conf["answers_file"]).exists()
    return not made_by_update(conf) and not conf["overwrite"] and not exists


def made_by_update(conf: Mapping[str, Any]) -> bool:
    """Return whether this is one of the two copies an update makes for itself.

    It renders the old answers and the new ones into temporary folders whose names nothing else has; what the
    stored answers do not count, because anyone can write them.
    """
    return any(COPY.fullmatch(part) for part in Path(conf["dst_path"]).parts)


def last_answers(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored answers of the project at the destination, {} when there is none."""
    try:
        stored = yaml.safe_load((Path(conf["dst_path"]) / conf["answers_file"]).read_text("utf-8"))
    except OSError:
        return {}
    return stored if isinstance(stored, dict) else {}


def with_absolute_source(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers to store, with an absolute path where the template was copied from a relative one.

    Copier stores the path as typed, and an update would look for it from inside the project.
    """
    source = stored.get("_src_path", "")
    return {**stored, "_src_path": os.path.abspath(source)} if os.path.exists(source) else dict(stored)


def is_offline(given: Mapping[str, Any]) -> bool:
    """Return whether the environment or one of the answers given beforehand forbids requests."""
    return hub.offline() or str(given.get("offline", "")).lower() in YES


def default_project_name(destination: os.PathLike[str]) -> str:
    """Return the destination's own name when it can be a project's, else a plain one."""
    name = Path(destination).resolve().name
    return name if answer_formats.problem("project_name", name) == "" else "my-model"
