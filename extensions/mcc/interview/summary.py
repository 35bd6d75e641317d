"""The summary after a copy: the project, its instance and price, missing parts, and the next commands."""

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..catalog import catalog
from ..inspection import choices, view
from ..servers import advisories, parsers
from ..sizing import sizing_view
from . import hosted_types, language_model, next_commands
from .defaults import GIVEN, PROMPT
from .questions import BATCH, SERVERLESS
from .requirements import LanguageModelRequirements, ServingRequirements

WIDTH = 80
NOT_MODELS = ("README.md", "about.json")


def after_copy(
    destination: os.PathLike[str],
    answers: Mapping[str, Any],
    requirements: ServingRequirements,
    origins: Mapping[str, str],
) -> str:
    """Return the summary of the project at `destination`.

    `requirements` are those that the instance type meets. `origins` has the source of each answer that is
    not the template's own. The project is read, so that a model that could not be added is listed as missing.
    """
    project = Path(destination)
    found = choices.of(str(answers.get("model_path", "")))
    rows = [("Model", view.one_line(found))] if found and found.is_understood else []
    rows += [("Instance", _instance(answers))] if "instance_type" in answers else []
    if answers["deployment_target"] == SERVERLESS:
        rows.append(("Endpoint", f"serverless, {answers['hosting']['memory_mib'] // 1024} GiB of memory"))
    if answers["deployment_target"] == BATCH:
        rows.append(("Endpoint", "none; do/batch runs jobs, which are billed while they run"))
    if cluster := answers.get("hyperpod_cluster"):
        rows.append(("Cluster", f"{cluster} (HyperPod), namespace {answers['hyperpod_namespace']}"))
    if isinstance(requirements, LanguageModelRequirements):
        rows.append(("Load", _load(answers, requirements)))
    rows += [("Tools", text) for text in _tools(answers)]
    rows += [("Missing", text) for text in _missing(project, answers)]
    rows += [("Defaults", text) for text in _defaults(origins)]
    rows += [("Warning", text) for text in _warnings(answers)]
    rows += [("Warning", text) for text in hosted_types.warnings(answers, requirements)]
    rows += [("Warning", text) for text in (view.warnings(found) if found else ())]
    lines = _wrapped("", _title(answers))
    for name, text in rows:
        lines += _wrapped(f"  {name}:", text)
    return "\n".join([*lines, *next_commands.lines(project, answers)])


def has_model(project: Path, answers: Mapping[str, Any]) -> bool:
    """Return whether a project has a model, in addition to the files of the template."""
    if answers["deployment_config"] in catalog.triton():
        return any((project / "model_repository").glob("*/config.pbtxt"))
    directory = project / "model"
    return directory.is_dir() and any(path.name not in NOT_MODELS for path in directory.iterdir())


def _wrapped(label: str, text: str) -> list[str]:
    first = label.ljust(12) if label else ""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_on_hyphens=False,
        break_long_words=False,
    )


def _title(answers: Mapping[str, Any]) -> str:
    name, config = answers["project_name"], answers["deployment_config"]
    if "model_facts" in answers:
        commit, digest = (answers["model_facts"].get(name) for name in ("commit", "digest"))
        pinned = f"commit {commit[:7]}" if commit else "not pinned to a commit"
        pinned = f"files {digest[:7]} on S3" if digest else pinned
        server = catalog.language_model_server(config).title
        inside = " in Triton" if config in catalog.triton() else ""
        return f"{name}: {answers['model_name']} ({pinned}) with {server}{inside}"
    if config in catalog.triton():
        backend = catalog.triton()[config]
        return f"{name}: {backend.formats[answers['model_format']].title} with Triton ({backend.title})"
    library = f"{catalog.frameworks()[answers['framework']].title} {answers['framework_version']}"
    return f"{name}: {library} ({answers['model_format']}) with {catalog.web_servers()[config].title}"


def _instance(answers: Mapping[str, Any]) -> str:
    name = str(answers["instance_type"])
    instance = catalog.instances().get(name)
    return name if instance is None else f"{name}, {sizing_view.price(instance)} in us-east-1"


def _load(answers: Mapping[str, Any], requirements: LanguageModelRequirements) -> str:
    load = "{max_concurrency:,} concurrent requests of up to {max_model_len:,} tokens".format(**answers)
    choice = language_model.sized(requirements).choice(answers["instance_type"])
    return f"{load}; {choice.headroom_gib:.1f} GiB free per GPU" if choice and choice.fits else load


def _tools(answers: Mapping[str, Any]) -> list[str]:
    """Return why a parser of tool calls or of reasoning is left out, if one is, in one text."""
    if not answers.get("tools"):
        return []
    inputs = (
        str(answers[name]) for name in ("deployment_config", "base_image", "chat_template", "extra_arguments")
    )
    left_out = parsers.choose(answers["model_facts"], *inputs).left_out
    return [f"left out: {'; '.join(left_out)}"] if left_out else []


def _missing(project: Path, answers: Mapping[str, Any]) -> list[str]:
    missing = []
    if "model_facts" in answers:
        missing += [language_model.token_problem(answers["model_facts"], answers["hf_token_secret_arn"])]
    elif not has_model(project, answers):
        missing += [_missing_model(answers)]
    if answers.get("role_arn") == "":
        missing += ["an IAM role for do/deploy; iam/stack.yml creates one"]
    if answers.get("build_target") == "codebuild":
        missing += ["the role and the bucket for do/submit; iam/stack.yml creates them"]
    return [text for text in missing if text]


def _missing_model(answers: Mapping[str, Any]) -> str:
    in_triton = answers["deployment_config"] in catalog.triton()
    if path := answers.get("model_path"):
        how = f"run do/repository {path}" if in_triton else "copy it to model/"
        return f"{path} was not copied; {how}"
    if answers.get("include_sample_model"):
        return f"the sample model; {'do/build' if in_triton else 'do/run --local'} trains it"
    return "a model; run do/repository MODEL" if in_triton else "a model; copy yours to model/"


def _defaults(origins: Mapping[str, str]) -> list[str]:
    """Return the answers that come from the environment, a file or an MCP server, one text per source."""
    by_origin: dict[str, list[str]] = {}
    for name, origin in origins.items():
        if origin not in (GIVEN, PROMPT):
            by_origin.setdefault(origin, []).append(name)
    return [f"{', '.join(names)} from {origin}" for origin, names in by_origin.items()]


def _of_region(name: str) -> list[str]:
    """Return the warning that inference components can be unavailable in a Region, [] otherwise."""
    if catalog.regions()[name].component_schema:
        return []
    return [f"inference components can be unavailable in {name}: AWS publishes no schema of them there"]


def _warnings(answers: Mapping[str, Any]) -> list[str]:
    found = []
    instance = catalog.instances().get(answers.get("instance_type", ""))
    backend = catalog.triton().get(answers["deployment_config"])
    uses_gpu = "model_facts" in answers or (backend is not None and backend.gpu)
    if instance and instance.kind != "cpu" and not uses_gpu:
        found.append("you pay for a GPU that this server does not use")
    if answers["region"] not in catalog.regions():
        found.append(f"Region {answers['region']} is not in the catalog; check its spelling")
    elif answers["deployment_target"] == "managed-inference":
        found += _of_region(answers["region"])
    if "model_facts" in answers or backend:
        found += advisories.lines(answers)
    return found
