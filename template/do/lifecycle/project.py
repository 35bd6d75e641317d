# Part of the library: `copier update` replaces this file.
"""The settings of this project in do/config.toml, and the failures of its commands."""

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_type_hints

from lifecycle import formats

PROJECT = Path(__file__).resolve().parent.parent.parent
CONFIG = PROJECT / "do" / "config.toml"

# Exit codes.
DONE = 0  # or no changes
INTERNAL_ERROR = 1  # or a failed build
USAGE = 2  # options or do/config.toml
PRECONDITION = 3  # a missing tool, credentials or quota
REFUSED = 4  # by AWS, or the operation failed in AWS
TIMED_OUT = 5  # the operation is still running
VERIFICATION = 6  # the response is wrong, or resources remain after do/clean
POLICY = 7  # over budget, another account, a resource owned by another project, a lock
INTERRUPTED = 130

# The severity of a finding.
OK, WARNING, ERROR, NOT_CHECKED = "ok", "warning", "error", "not checked"


@dataclass(frozen=True)
class Finding:
    """The result of a check: the subject or problem (`what`), the observation (`seen`), and the next step."""

    id: str
    severity: str
    what: str
    seen: str
    next: str = ""
    cause: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding for --json, without an empty severity or cause."""
        optional = ("severity", "cause")
        return {name: value for name, value in asdict(self).items() if value or name not in optional}


# The result of a command: `text` for the terminal, `exit_code`, `findings`, and its own keys for --json.
Result = dict[str, Any]


def finding(name: str, severity: str, what: str, seen: str, next_step: str = "") -> Finding:
    """Return a finding: the subject or problem, the observation, and the next step."""
    return Finding(name, severity, what, seen, next_step)


# Terminal control sequences, and characters that are not printable except tabs and line ends.
CONTROL = re.compile(
    r"\x1b(\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(\x07|\x1b\\|$)|[ -/]*[0-~])|(?![\t\n])[\x00-\x1f\x7f-\x9f]"
    r"|[\u202a-\u202e\u2066-\u2069]",
    re.MULTILINE,
)


def plain(text: str) -> str:
    """Return a text from elsewhere, such as a container's log, without terminal control sequences."""
    return CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", " "))


class Failure(Exception):
    """A command cannot continue: the exit code, an id, the problem, the observation and the next step.

    `cause` is the likely cause, if it differs from the observation; `left` names the existing AWS resources.
    """

    def __init__(self, code: int, name: str, what: str, seen: str, next_step: str, cause: str = "") -> None:
        super().__init__(what)
        self.code, self.left = code, list[str]()
        self.finding = Finding(name, ERROR, what, seen, next_step, cause)

    def __str__(self) -> str:
        known = self.finding.as_json()
        lines = [f"failed ({known['id']}): {known['what']}"]
        lines += [f"  {key}: {known[key]}" for key in ("seen", "cause", "next") if key in known]
        return plain("\n".join([*lines, *(f"  left: {item}" for item in self.left)]))


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings, which are documented in do/config.toml. The targets add their own in target.py."""

    setting_formats: ClassVar[Mapping[str, formats.Format]] = formats.FORMATS

    project_name: str
    project_id: str
    region: str
    account: str
    instance_type: str
    platform: str
    shared: bool
    tags: dict[str, str]
    engine: str = ""
    call_seconds: float
    call_attempts: int
    poll_seconds: float

    @property
    def image(self) -> str:
        return f"{self.project_name}:latest"

    @property
    def stack_command(self) -> str:
        """The command that creates what iam/stack.yml describes."""
        return (
            f"aws cloudformation deploy --stack-name {self.project_name} \\\n"
            f"        --template-file iam/stack.yml --region {self.region} \\\n"
            "        --capabilities CAPABILITY_NAMED_IAM"
        )

    @property
    def own_tags(self) -> dict[str, str]:
        """The tags that mark a resource in AWS as this project's."""
        return {"mcc-project": self.project_name, "mcc-project-id": self.project_id}

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Return whether a resource with these tags belongs to this project."""
        return tags.get("mcc-project-id") == self.project_id


C = TypeVar("C", bound=Config)
PREFIX, OLD_PREFIX = "MCC_DO_", "MCC_"  # MCC_ is the prefix of the questions of the template
# The valid values of each type, and an example.
TYPES = {
    str: ("a text in quotes", '"abc"'),
    int: ("a whole number", "1"),
    float: ("a number", "1.5"),
    bool: ("true or false", "true"),
    dict[str, str]: ("a table of texts", '{LOG_LEVEL = "info"}'),
    list[str]: ("a list of texts", '["subnet-0123456789abcdef0"]'),
}


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file. Raise OSError or ValueError."""
    return dict(tomllib.loads(path.read_text("utf-8")))


def replace_text(path: Path, text: str) -> None:
    """Write a file in one step, so that it is never half written."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, "utf-8")
    os.replace(new, path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert an error of a write to this machine, such as a full disk, to a Failure (precondition)."""
    try:
        yield
    except OSError as error:
        what, next_step = f"{path.name} cannot be written", f"free disk space (df {path.parent}), then repeat"
        raise Failure(PRECONDITION, "not-written", what, f"{path}: {error.strerror}", next_step) from None


def write_new(files: Mapping[Path, str], force: bool) -> None:
    """Write files, each in one step, and their folder.

    Raise Failure (usage) and write none if one has other content and not `force`.
    """
    for path, text in files.items():
        if path.is_file() and not force and path.read_text("utf-8", errors="replace") != text:
            what, next_step = "the file exists with other content", "write another file, or add --force"
            raise Failure(USAGE, "file-exists", what, str(path), next_step)
    for path, text in files.items():
        try:
            path.parent.mkdir(exist_ok=True)
            replace_text(path, text)
        except OSError as error:
            what, seen = "the file cannot be written", f"{path}: {error.strerror}"
            raise Failure(USAGE, "not-written", what, seen, "write a file in an existing folder") from None


def settings_of(kind: type[Config]) -> dict[str, Any]:
    """Return the settings of a target and their types, without those that it fixes."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}


def variable(setting: str) -> str:
    """Return the environment variable that overrides a setting."""
    return f"{PREFIX}{setting.upper()}"


def rename_old_variables(kind: type[C]) -> None:
    """Set MCC_DO_<SETTING> from MCC_<SETTING>, the name in earlier versions, and print one notice.

    A command that restarts in .venv then finds the present names, and does not print the notice again.
    """
    old = {name: f"{OLD_PREFIX}{name.upper()}" for name in settings_of(kind)}
    read = [name for name in old if old[name] in os.environ and variable(name) not in os.environ]
    for name in read:
        os.environ[variable(name)] = os.environ[old[name]]
    if read:
        names = ", ".join(f"{old[name]} to {variable(name)}" for name in read)
        print(
            f"notice: the environment variables of settings have a new prefix. Rename {names}",
            file=sys.stderr,
        )


def load_config(kind: type[C], given: Mapping[str, str]) -> C:
    """Return the settings of this project. `given` overrides the environment, which overrides the file.

    Raise Failure (usage) for settings that are unknown, missing, or of the wrong type or format.
    """
    try:
        values = read_toml(CONFIG)
    except (OSError, ValueError) as error:
        raise _unusable("unreadable", str(error), "fix the file") from None
    hints = settings_of(kind)
    environment = {name: os.environ[key] for name in hints if (key := variable(name)) in os.environ}
    for name in (*values, *given):
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1) or list(hints)
            seen = f"{name} is not a setting; similar: {', '.join(near)}"
            raise _unusable("unknown-key", seen, f"rename or remove {name}")
    values |= {name: _parsed(text, hints[name]) for name, text in {**environment, **given}.items()}
    values = {name: _typed(name, value, hints[name]) for name, value in values.items()}
    if missing := sorted(set(hints) - {"engine"} - set(values)):
        raise _unusable("missing-key", f"{', '.join(missing)} missing", "add the setting to the file")
    for name, seen, next_step in formats.problems(values, kind.setting_formats):
        raise _unusable("not-a-region" if name == "region" else "wrong-format", seen, next_step)
    return kind(**values)


def _parsed(text: str, hint: Any) -> Any:
    """Return a text of the environment or command line as a TOML value, or unchanged."""
    try:
        return text if hint is str else tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text


def _typed(name: str, value: Any, hint: Any) -> Any:
    """Return a value of the type of a setting. Raise Failure (usage) for another type."""
    if hint is float and type(value) is int:
        value = float(value)
    texts = list(value.values()) if type(value) is dict else value if type(value) is list else []
    negative = type(value) in (int, float) and not value >= 0
    fits = type(value) is getattr(hint, "__origin__", hint)
    if fits and not negative and all(isinstance(text, str) for text in texts):
        return value
    rule, example = TYPES[hint]
    raise _unusable(
        "wrong-type", f"{name} = {value!r} is not {rule}", f"write a value such as {name} = {example}"
    )


def _unusable(name: str, seen: str, next_step: str) -> Failure:
    return Failure(USAGE, f"config-{name}", f"cannot use {CONFIG}", seen, next_step)
