# Part of the library: `copier update` replaces this file.
"""Load the model in a process of its own, and record its facts in about.json next to it."""

import argparse
import json
import sys

from lifecycle.predictive import local, trial
from lifecycle.project import PROJECT, Config, Result, replace_text

sys.path.append(str(PROJECT / "serving"))

import runtime.recorded as recorded


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/inspect: it has none of its own."""


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Return the facts about the model, which are also recorded in about.json."""
    directory = local.MODEL.parent
    loaded = trial.load(local.server_python(), directory, local.MODEL.name)
    path = directory / str(loaded.pop("model"))
    about = recorded.of_file(path)
    before = recorded.facts(directory)
    kept = before if before.get("sha256") == about["sha256"] else {}
    about = {**kept, **about, "loaded": loaded}
    replace_text(directory / recorded.FILE, json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    rows = loaded.get("row_shape") or "of any shape"
    columns = [str(column["name"]) for column in loaded.get("columns", [])]
    libraries = ", ".join(f"{name} {version}" for name, version in about.get("libraries", {}).items())
    parts = [about.get("kind", ""), libraries, f"rows {rows}"]
    parts += [f"columns {', '.join(columns)}"] if columns else []
    text = f"{path.name}: {', '.join(filter(None, parts))}"
    return {"about": about, "text": f"{text}\nrecorded in {directory / recorded.FILE}"}
