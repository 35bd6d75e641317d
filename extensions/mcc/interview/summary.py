"""What a person is told after a copy: what was made, on which machine, and what to do next."""

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..catalog import catalog
from ..servers import advisories
from . import language_model
from .requirements import LanguageModelRequirements, ServingRequirements

NOT_MODELS = ("README.md",)
CONTAINER_STEPS = [
    "  do/build   builds the image",
    "  do/run     serves it on port 8080",
    "  do/test    calls it",
]


def after_copy(
    destination: os.PathLike[str],
    answers: Mapping[str, Any],
    requirements: ServingRequirements,
    origins: Mapping[str, str],
) -> str:
    """Return the lines to show.

    `requirements` are what the instance type was chosen for. `origins` is where each answer is from that is
    not the template's own.

    Looks for the model in the project at `destination`, so that nothing is called done that is not.
    """
    project = Path(destination)
    if isinstance(requirements, LanguageModelRequirements):
        lines = [*_language_model(project, answers, requirements), *_origin_lines(origins)]
        return "\n".join([*lines, "", f"  cd {_shown(project)}"])
    if answers["deployment_config"] in catalog.triton():
        lines = [*_triton(project, answers), *_origin_lines(origins)]
        return "\n".join([*lines, "", f"  cd {_shown(project)}", *CONTAINER_STEPS])
    facts = catalog.frameworks()[answers["framework"]]
    lines = [
        "",
        f"{answers['project_name']}: {facts.title} {answers['framework_version']} "
        f"({answers['model_format']}), {catalog.web_servers()[answers['deployment_config']].title}",
        f"  runs on    {_machine(answers['instance_type'], predictive=True)}",
    ]
    lines += _place(answers)
    if not has_model(project):
        lines.append(f"  no model   {_what_is_missing(answers)}")
    lines += [
        *_origin_lines(origins),
        "",
        f"  cd {_shown(project)}",
        "  do/run --local   serves it on port 8080",
        "  do/test          calls it",
    ]
    return "\n".join(lines)


def _triton(project: Path, answers: Mapping[str, Any]) -> list[str]:
    backend = catalog.triton()[answers["deployment_config"]]
    title = backend.formats[answers["model_format"]].title
    lines = ["", f"{answers['project_name']}: {title}, Triton's {backend.title} backend"]
    lines.append(f"  runs on    {_machine(answers['instance_type'], predictive=not backend.gpu)}")
    lines += _place(answers)
    if not any((project / "model_repository").glob("*/config.pbtxt")):
        missing = "do/repository MODEL makes a repository of yours"
        if answers.get("include_sample_model"):
            missing = "the sample model is not trained yet: do/build does it first"
        lines.append(f"  no model   {missing}")
    return [*lines, *_warnings(answers)]


def _warnings(answers: Mapping[str, Any]) -> list[str]:
    """Return what to know before this is exposed, indented like the lines before."""
    first, rest = "  warning    ", " " * 13
    return [
        line
        for text in advisories.lines(answers)
        for line in textwrap.wrap(text, 80, initial_indent=first, subsequent_indent=rest)
    ]


def _language_model(
    project: Path, answers: Mapping[str, Any], requirements: LanguageModelRequirements
) -> list[str]:
    server, known = catalog.language_model_server(answers["deployment_config"]), answers["model_facts"]
    at = f"commit {known['commit'][:7]}" if known.get("commit") else "not pinned to a commit"
    lines = ["", f"{answers['project_name']}: {answers['model_name']} ({at}), {server.title}"]
    lines.append(f"  runs on    {_machine(answers['instance_type'])}")
    lines += _place(answers)
    lines.append(
        "  chosen for {max_concurrency} requests at once of {max_model_len} tokens".format(**answers)
    )
    if problem := language_model.token_problem(known, answers["hf_token_secret_arn"]):
        lines.append(f"  no token   {problem}")
    lines += [f"  {line}" for line in language_model.summary(requirements, answers["instance_type"])]
    return [*lines, *_warnings(answers)]


def _origin_lines(origins: Mapping[str, str]) -> list[str]:
    by_origin: dict[str, list[str]] = {}
    for name, origin in origins.items():
        by_origin.setdefault(origin, []).append(name)
    return [f"  from {origin}: {', '.join(names)}" for origin, names in by_origin.items()]


def has_model(project: Path) -> bool:
    """Return whether model/ holds anything but what the template puts there."""
    directory = project / "model"
    return directory.is_dir() and any(path.name not in NOT_MODELS for path in directory.iterdir())


def _what_is_missing(answers: Mapping[str, Any]) -> str:
    if answers.get("model_path"):
        return f"{answers['model_path']} was not copied: copy it into model/"
    if answers.get("include_sample_model"):
        return "the sample model is not trained yet: do/run --local does it first"
    return "copy yours into model/"


def _place(answers: Mapping[str, Any]) -> list[str]:
    """Return in which cluster it runs, and a warning for a region that nobody knows."""
    lines = []
    if cluster := answers.get("hyperpod_cluster"):
        lines.append(f"  cluster    {cluster} (HyperPod), namespace {answers['hyperpod_namespace']}")
    if answers["region"] not in catalog.regions():
        lines.append(f"  region     {answers['region']} is not in the catalog; check its spelling")
    return lines


def _machine(name: str, predictive: bool = False) -> str:
    instance = catalog.instances().get(name)
    if instance is None or instance.price is None:
        return name
    about = "about " if instance.price.estimated else ""
    text = f"{name} at {about}${instance.price.usd_h:.3f} an hour in us-east-1"
    if instance.kind != "cpu" and predictive:
        text += "; you pay for a GPU that this server does not use"
    elif instance.arch == "arm64":
        text += "; its image is built for arm64"
    return text


def _shown(project: Path) -> str:
    return os.path.relpath(project)
