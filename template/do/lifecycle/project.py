"""This project: its settings in do/config.toml, and how its commands fail."""

import difflib
import os
from dataclasses import dataclass, fields
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

PROJECT = Path(__file__).resolve().parent.parent.parent
CONFIG = PROJECT / "do" / "config.toml"

# Exit codes.
DONE = 0  # or nothing to do
DEFECT = 1  # of ours
USAGE = 2  # options or do/config.toml
PRECONDITION = 3  # a tool, credentials or quota are missing
VERIFICATION = 6  # it runs, but answers wrongly
INTERRUPTED = 130


class Failure(Exception):
    """A command cannot go on: an exit code, an id, what failed, what was seen and what to do next.

    `cause` is the likely one, where that is not what was seen.
    """

    def __init__(self, code: int, name: str, what: str, seen: str, remedy: str, cause: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.finding = {"id": name, "what": what, "seen": seen, "next": remedy}
        if cause:
            self.finding["cause"] = cause

    def __str__(self) -> str:
        told = [f"failed ({self.finding['id']}): {self.finding['what']}"]
        told += [
            f"  {name}: {self.finding[name]}" for name in ("seen", "cause", "next") if name in self.finding
        ]
        return "\n".join(told)


@dataclass(frozen=True)
class Config:
    """One field a setting; their meaning stands in do/config.toml."""

    project_name: str
    region: str
    instance_type: str
    platform: str
    engine: str = ""

    @property
    def image(self) -> str:
        return f"{self.project_name}:latest"


def load_config() -> Config:
    """Return the settings of this project. Raises Failure (usage) for what is unknown or missing."""
    try:
        values = tomllib.loads(CONFIG.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise _unusable("unreadable", str(error), "mend the file") from None
    known = [field.name for field in fields(Config)]
    for name, value in values.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1) or known
            seen = f"{name} is no setting; known are {', '.join(near)}"
            raise _unusable("unknown-key", seen, f"rename or remove {name}")
        if not isinstance(value, str):
            seen = f"{name} = {value!r} is not a text in quotes"
            raise _unusable("not-text", seen, f'write {name} = "{value}"')
    values.update({name: os.environ[key] for name in known if (key := f"MCC_{name.upper()}") in os.environ})
    if missing := [name for name in known if name not in values and name != "engine"]:
        raise _unusable("missing-key", f"{', '.join(missing)} missing", "add the setting to the file")
    return Config(**values)


def _unusable(name: str, seen: str, remedy: str) -> Failure:
    return Failure(USAGE, f"config-{name}", f"cannot use {CONFIG}", seen, remedy)
