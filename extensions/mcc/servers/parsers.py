"""The parsers of tool calls and of reasoning that a server's version has for a model.

An unknown name prevents the start of a server, so a parser that the version lacks is left out.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..catalog import catalog
from ..catalog.entries.parsers import KINDS, Family, Kind, ParserNames
from ..catalog.entries.servers import LanguageModelServer
from . import compatibility, engines, extra_arguments, releases

SETTINGS: Mapping[Kind, str] = {"tool": "tool_call_parser", "reasoning": "reasoning_parser"}


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Names of parsers, '' for none. `template` is the chat template in the image that tool calls need.

    `left_out`: why the server lacks a parser that the family has.
    """

    tool: str = ""
    reasoning: str = ""
    template: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def offered(self) -> bool:
        """Whether the family of the model has a parser, used or left out."""
        return bool(self.tool or self.reasoning or self.left_out)


NONE = Chosen()


def choose(
    model_facts: Mapping[str, Any], deployment_config: str, image: str, chat_template: str, arguments: str
) -> Chosen:
    """Return the parsers for a model in an image. An extra argument replaces the parser of its kind."""
    server, found = catalog.servers()[deployment_config], family(model_facts)
    chats = "chat" in server.requests and chat_template != "none"
    if found is None or not chats or engines.pools(model_facts, arguments):
        return NONE
    engine, version = compatibility.engine_in(server, server.image(image))
    wanted = [kind for kind in KINDS if found.of(engine).of(kind)]
    wanted = [kind for kind in wanted if not _replaced(kind, deployment_config, arguments)]
    if wanted and server.image(image).image != image:
        return Chosen(left_out=(f"the version in {engines.short_image(image)} is not known",))
    taken = [kind for kind in wanted if SETTINGS[kind] in server.settings_of(image)]
    parsers = of_release(found, engine, version, taken)
    title = f"{server.title} {server.image(image).version}"
    lacking = [f"{title} has no setting for a {kind} parser" for kind in wanted if kind not in taken]
    if (missing := found.of(engine).missing) and not _replaced("tool", deployment_config, arguments):
        lacking.append(f"the parser of tool calls, because {missing}")
    parsers = dataclasses.replace(parsers, left_out=(*lacking, *parsers.left_out))
    return parsers if chat_template else _with_template(parsers, found.of(engine).template, server, title)


def _with_template(chosen: Chosen, template: str, server: LanguageModelServer, title: str) -> Chosen:
    """Return the parsers and the chat template of tool calls, without a tool parser if the image lacks it."""
    if not template or not chosen.tool:
        return chosen
    if server.templates:
        return dataclasses.replace(chosen, template=f"{server.templates}/{template}")
    why = f"tool calls need vLLM's examples/{template}, which {title} lacks: give it as chat_template"
    return dataclasses.replace(chosen, tool="", left_out=(*chosen.left_out, why))


def known(model_facts: Mapping[str, Any], deployment_config: str) -> bool:
    """Return whether a server has a parser for a model, in some version."""
    found, server = family(model_facts), catalog.servers()[deployment_config]
    names = found.of(server.registry) if found else ParserNames()
    return "chat" in server.requests and bool(names.tool or names.reasoning)


def answer(
    model_facts: Mapping[str, Any], deployment_config: str, image: str, chat_template: str, arguments: str
) -> dict[str, Any]:
    """Return the parsers as the questions and the template read them."""
    found = choose(model_facts, deployment_config, image, chat_template, arguments)
    return {**dataclasses.asdict(found), "offered": found.offered}


def of_release(models: Family, engine: str, version: str, kinds: Iterable[Kind] = KINDS) -> Chosen:
    """Return the parsers that a release of an engine has for a family."""
    names, left_out = dict[str, str](), list[str]()
    for kind in kinds:
        of_kind = catalog.parsers().releases[engine].of(kind) if models.of(engine).of(kind) else {}
        spans = {name: of_kind[name] for name in models.of(engine).of(kind)}
        names[kind] = next((name for name in spans if compatibility.within(version, spans[name])), "")
        if spans and not names[kind]:
            title, (name, span) = f"{releases.TITLES[engine]} {version}", next(iter(spans.items()))
            left_out.append(f"{title} has no {kind} parser {name}, which came with {span[0]}")
    return Chosen(names.get("tool", ""), names.get("reasoning", ""), left_out=tuple(left_out))


def _replaced(kind: Kind, deployment_config: str, arguments: str) -> bool:
    """Return whether the user's arguments have a parser of this kind."""
    return SETTINGS[kind] in catalog.servers()[deployment_config].settings and extra_arguments.gives(
        arguments, SETTINGS[kind], deployment_config
    )


def family(model_facts: Mapping[str, Any]) -> Family | None:
    """Return the family of a model, None for a base model or another one that gets no parser."""
    address, model_type = str(model_facts.get("name", "")), str(model_facts.get("model_type", ""))
    name, facts = address.rstrip("/").rpartition("/")[2], catalog.parsers()
    if re.search(facts.none, name, re.IGNORECASE) or model_facts.get("chat_template") is False:
        return None
    from_hub = "://" not in address
    found = (each for each in facts.families.values() if _matches(each, name, model_type, from_hub))
    return next(found, None)


def _matches(models: Family, name: str, model_type: str, from_hub: bool) -> bool:
    if models.names and not re.search(models.names, name, re.IGNORECASE):
        return False
    if models.other_names and re.search(models.other_names, name, re.IGNORECASE):
        return False
    if model_type and models.model_types:
        return model_type in models.model_types
    return bool(models.names) and from_hub
