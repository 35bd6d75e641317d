"""Whether the version of a framework or of a server that was chosen can load the model."""

import sys
from collections.abc import Mapping
from typing import Any

from ..artifacts import suitable
from ..catalog import catalog
from ..errors.errors import InvalidAnswer
from ..models import model_kinds
from ..servers import compatibility, engines, parsers, remote_code
from . import copier_run, language_model
from .copier_run import YES


def version_problem(
    version: str, framework: str, model_format: str, model_path: str, conf: Mapping[str, Any]
) -> str:
    """Return why a version is another framework's or cannot serve the model of a new project, or ''.

    One the catalog has dropped is no other's.
    """
    if copier_run.is_new_project(conf) and (
        wrong := suitable.problem(framework, model_format, model_path, version)
    ):
        return f"framework_version: {wrong}"
    of = [
        name for name, facts in catalog.frameworks().items() if version in {v.number for v in facts.versions}
    ]
    if not of or framework in of or catalog.frameworks()[framework].resolvable(version):
        return ""
    return f"framework_version: {version} is one of {of[0]}. Example: {suitable.default_version(framework)}"


def model_problem(
    image: str, deployment_config: str, model_facts: Mapping[str, Any], conf: Mapping[str, Any]
) -> str:
    """Return why an image that was chosen at a prompt cannot load the model, or ''.

    check_for_model rejects answers from -d with another message.
    """
    if conf["defaults"] or "base_image" in conf["data"] or not copier_run.is_new_project(conf):
        return ""
    return compatibility.refusal(compatibility.of_answer(model_facts), deployment_config, image)


def check_for_model(
    conf: Mapping[str, Any],
    model_facts: Mapping[str, Any],
    deployment_config: str,
    image: str,
    wanted_kind: str = model_kinds.AUTO,
) -> str:
    """Refuse a server that cannot serve a model's kind, or load it, and a length that it does not take.

    A project that exists keeps what was decided, with a warning.
    """
    if model_facts:
        arguments = str(conf["data"].get("extra_arguments", ""))
        problem = engines.kind_problem(model_facts, wanted_kind, deployment_config, image, arguments)
        if problem and copier_run.is_new_project(conf):
            raise InvalidAnswer(f"model_name: {problem}")
        if problem and not copier_run.made_by_update(conf):
            print(f"model_name: {problem}", file=sys.stderr)
        model = compatibility.of_answer(model_facts)
        refusal = compatibility.refusal(model, deployment_config, image)
        if refusal and copier_run.is_new_project(conf):
            raise InvalidAnswer(f"base_image: {refusal}")
        if refusal and not copier_run.made_by_update(conf):
            print(f"base_image: {refusal}", file=sys.stderr)
    given = conf["data"].get("max_model_len")
    if model_facts and given is not None and copier_run.is_new_project(conf):
        problem = language_model.length_problem(int(given), model_facts)
        if problem:
            raise InvalidAnswer(problem)
    tools = str(conf["data"].get("tools")).lower() in YES
    if (
        model_facts
        and tools
        and copier_run.is_new_project(conf)
        and (
            not parsers.known(model_facts, deployment_config)
            or model_kinds.of_answer(model_facts, wanted_kind)
        )
    ):
        raise InvalidAnswer(no_parser(str(model_facts["name"]), deployment_config))
    return ""


def check_remote_code(
    conf: Mapping[str, Any],
    model_facts: Mapping[str, Any],
    deployment_config: str,
    image: str,
    given: str,
    trust: bool,
) -> str:
    """Refuse a new project of a model that needs code from its repository, unless that was allowed."""
    if not copier_run.is_new_project(conf) or trust:
        return ""
    if remote_code.is_needed(model_facts, deployment_config, image, given):
        raise InvalidAnswer(remote_code_problem(str(model_facts["name"])))
    return ""


def remote_code_problem(name: str) -> str:
    """Return the message for a model whose code must be allowed."""
    return (
        f"trust_remote_code: {name} needs Python code\n"
        "from its repository, which would run in the container. Read the code and\n"
        "allow it: -d trust_remote_code=true -d model_revision=COMMIT. Or choose another\n"
        "model, or a base_image with its own class for this one."
    )


def no_parser(name: str, deployment_config: str) -> str:
    """Return the message for a model whose tool calls and reasoning a server does not parse."""
    server = catalog.servers()[deployment_config].title
    return (
        f"tools: no parser of tool calls or of reasoning is known for {name} with {server}. Remove this "
        "answer, or name a parser in extra_arguments (docs/how-to/language-models.md)."
    )
