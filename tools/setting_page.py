"""The reference of settings, from the annotated settings files of rendered projects."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.projects import GENERATED

# Targets whose settings are shown only where an endpoint with instances does not have them.
OTHERS = ("Serverless endpoint", "Batch transform jobs")


def settings_page(made: Mapping[str, Path]) -> str:
    """Return the page as Markdown."""
    groups = {
        "All projects": made["endpoint"] / "do" / "config.toml",
        "SageMaker endpoint": made["endpoint"] / "do" / "config.toml",
        "Serverless endpoint": made["serverless"] / "do" / "config.toml",
        "Batch transform jobs": made["batch"] / "do" / "config.toml",
        "HyperPod cluster": made["cluster"] / "do" / "config.toml",
    }
    read = {title: dict(settings(path.read_text("utf-8"))) for title, path in groups.items()}
    common = set(read["SageMaker endpoint"]) & set(read["HyperPod cluster"])
    of_endpoints = {name for names in read["SageMaker endpoint"] for name in names}
    lines = [
        "# Settings",
        "",
        GENERATED,
        "",
        "The settings of a project, with the values of a new project.",
        "",
        "## `do/config.toml`",
        "",
        "Read by the commands in `do/`. Override a setting for one run with `--set NAME=VALUE`, or with the",
        "environment variable `MCC_DO_<NAME>`.",
    ]
    for title, found in read.items():
        lines += ["", f"### {title}"]
        for names, setting in found.items():
            shown_before = title in OTHERS and of_endpoints.issuperset(names)
            if (names in common) == (title == "All projects") and not shown_before:
                lines += ["", *_setting(setting)]
    lines += [
        "",
        "## `serving/settings.toml`",
        "",
        "Read by the container of a language model when it starts. Override a setting with the environment",
        "variable `SERVE_<NAME>`.",
    ]
    text = (made["cluster"] / "serving" / "settings.toml").read_text("utf-8")
    for setting in dict(settings(text)).values():
        lines += ["", *_setting(setting)]
    return "\n".join([*lines, ""])


@dataclass(frozen=True)
class Setting:
    """Settings that share a comment: their lines, and the comment."""

    lines: tuple[str, ...]
    about: str


def settings(text: str) -> Iterator[tuple[tuple[str, ...], Setting]]:
    """Yield the settings of an annotated file by their names, with the comment above them."""
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip().splitlines()
        about = [line.removeprefix("#").strip() for line in lines if line.startswith("#")]
        assigned = tuple(line for line in lines if not line.startswith("#"))
        names = tuple(line.partition("=")[0].strip() for line in assigned if "=" in line)
        if names and about:
            yield names, Setting(assigned, " ".join(about))


def _setting(setting: Setting) -> list[str]:
    return ["```toml", *setting.lines, "```", "", setting.about]
