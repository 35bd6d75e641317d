"""Answers about a language model: its facts, its instance types and the settings of its server."""

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

from ..catalog import catalog
from ..errors.errors import UnsizableModel
from ..models import facts, lookup, model_kinds
from ..models.facts import ModelFacts
from ..servers import engines
from ..sizing import gpu_sizer, sizing, sizing_view
from ..sizing.gpu_sizer import Choice, Load
from ..sizing.sizing import Sizing
from ..sources import settings as outside
from .answer_formats import whole_number
from .questions import HYPERPOD
from .requirements import LanguageModelRequirements

OFFERED = 12
SHOWN_IMPOSSIBLE = 3


def look_up(name: str, revision: str, token: str, offline: bool, secret: str = "") -> dict[str, Any]:
    """Return the facts of a model to store. Print a note if the lookup failed.

    `secret` is the ARN of the token that the container will have.

    Raises InvalidAnswer for a name or revision that no model can have.
    """
    found = lookup.model(name, revision, outside.dereferenced("hf_token", token) or None, offline or None)
    if found.note:
        print(found.note, file=sys.stderr)
    answer = found.answer()
    if not found.note and (problem := token_problem(answer, secret)):
        print(f"model_name: {problem}.", file=sys.stderr)
    return answer


def stale_facts(model_facts: Mapping[str, Any], name: str, revision: str) -> str:
    """Return why stored facts are not of this model, or ''."""
    kept = model_facts.get("name"), model_facts.get("revision")
    return "" if kept == (name, revision) else f"these are the facts of {kept[0]}"


def default_max_model_len(profile: str, model_facts: Mapping[str, Any]) -> int:
    """Return the profile's length, or the model's where that is shorter."""
    wanted, longest = catalog.profiles()[profile].max_model_len, _longest(model_facts)
    return min(wanted, longest) if longest else wanted


def length_problem(value: Any, model_facts: Mapping[str, Any]) -> str:
    """Return the problem with the length of a request, or ''."""
    if problem := whole_number("max_model_len", value):
        return problem
    longest = _longest(model_facts)
    if longest and value > longest:
        return (
            f"max_model_len: the model supports {longest} tokens, {value} were requested. Example: {longest}"
        )
    return ""


def sized(requirements: LanguageModelRequirements) -> Sizing:
    """Judge every instance type for a model and load. Raises UnsizableModel when the size is not known."""
    known = requirements.known_model()
    shape = known.shape or _guessed(known.name, requirements.parameters, requirements.dtype)
    server, length = catalog.language_model_server(requirements.server), requirements.max_model_len
    batched = catalog.profiles()[requirements.profile].max_num_batched_tokens
    load = Load(
        max_model_len=length,
        max_concurrency=requirements.max_concurrency,
        engine=server.engine,
        version=server.image(requirements.image).version,
        kv_cache_dtype=requirements.kv_cache_dtype,
        # Without chunked prefill, a server rejects steps that are shorter than a request.
        max_num_batched_tokens=batched if batched >= length else 0,
        image=requirements.image if requirements.server in catalog.servers() else "",
    )
    instances = catalog.hyperpod_nodes() if requirements.target == HYPERPOD else None
    return sizing.size(known.name, known.source, shape, load, instances)


def choices(requirements: LanguageModelRequirements, kept: str) -> dict[str, Any]:
    """Return label -> instance type: those that fit, best first, then cheaper ones with why they do not.

    `kept`, an answer given before, is offered even when it would not be chosen today.
    """
    judged = sized(requirements)
    shown = judged.fitting[:OFFERED]
    if judged.in_float16 and judged.in_float16 not in shown:
        shown = [*shown[: OFFERED - 1], judged.in_float16]
    offered: dict[str, Any] = {_label(choice): choice.instance.name for choice in shown}
    if kept and kept not in offered.values():
        choice = judged.choice(kept)
        offered[_label(choice) if choice else f"{kept}: no longer in the catalog"] = kept
    for choice in judged.cheaper[:SHOWN_IMPOSSIBLE]:
        if choice.instance.name != kept:
            offered[_label(choice)] = {"value": choice.instance.name, "validator": choice.reason}
    return offered


def default_instance(requirements: LanguageModelRequirements) -> str:
    """Return the cheapest type that meets the requirements. Raises UnsizableModel if none does."""
    judged = sized(requirements)
    if judged.best is None:
        raise UnsizableModel(
            f"instance_type: no type can serve {judged.name} with this load. {judged.way_out()}"
        )
    return judged.best.instance.name


def settings(requirements: LanguageModelRequirements, instance_type: str) -> dict[str, Any]:
    """Return the settings of the inference server on a type, with their inputs, to store."""
    judged = sized(requirements)
    choice = judged.choice(instance_type)
    if choice is None or not choice.tensor_parallel:
        raise UnsizableModel(judged.refusal(instance_type))
    heads = 0 if judged.facts.guessed else judged.facts.num_attention_heads
    found = {"sized_for": sized_for(requirements, instance_type), **judged.settings(choice)}
    return {**found, "num_attention_heads": heads}


def sized_for(requirements: LanguageModelRequirements, instance_type: str) -> dict[str, Any]:
    """Return the inputs of the settings: model, commit, load, image and instance type."""
    model = requirements.model
    return {
        "model": model["name"],
        "commit": model["commit"] or model.get("digest") or model["revision"],
        "image": requirements.image,
        "max_model_len": requirements.max_model_len,
        "max_concurrency": requirements.max_concurrency,
        "kv_cache_dtype": requirements.kv_cache_dtype,
        "profile": requirements.profile,
        "instance_type": instance_type,
    }


def stale_settings(
    kept: Mapping[str, Any], requirements: LanguageModelRequirements, instance_type: str
) -> str:
    """Return why stored settings are not for these requirements on this type, or ''."""
    same = kept.get("sized_for") == sized_for(requirements, instance_type)
    return "" if same else "the settings are for other requirements"


def gpu_needs(requirements: LanguageModelRequirements, dtype: str = "") -> Mapping[str, float]:
    """Return feature -> the compute capability that it needs. `dtype` is half on a GPU without bfloat16."""
    known = sized(requirements).facts
    shape = dataclasses.replace(known, dtype="float16") if dtype else known
    return engines.gpu_needs(requirements.server, requirements.image, shape, requirements.kv_cache_dtype)


def token_problem(model_facts: Mapping[str, Any], secret: str) -> str:
    """Return why the container will not get the model from the Hub, or ''."""
    if not model_facts.get("gated") or secret:
        return ""
    return f"{model_facts['name']} is gated; set hf_token_secret_arn to the ARN of a secret with a token"


def default_chat_template(
    model_facts: Mapping[str, Any], deployment_config: str, wanted: str = model_kinds.AUTO
) -> str:
    """Return none where no chats are served: by the server, or by the kind of model or a missing template."""
    chats = "chat" in catalog.servers()[deployment_config].requests
    if not chats or wanted == "completion" or model_kinds.of_answer(model_facts, wanted):
        return "none"
    return "none" if wanted != "chat" and model_facts.get("chat_template") is False else ""


def summary(requirements: LanguageModelRequirements, instance_type: str) -> list[str]:
    """Return a sizing in lines: price, the GPU's memory as a bar, the reasons, and cheaper ways."""
    judged = sized(requirements)
    choice = judged.choice(instance_type)
    if choice is None or choice.estimate is None:
        return [_not_sized(judged, instance_type)]
    lines = [*sizing_view.choice_table(judged, choice), *sizing_view.bar(judged, choice), ""]
    lines += [*sizing_view.why(judged, choice), ""]
    lines.append(f"confidence {sizing_view.confidence(judged)}")
    if choice is not judged.best:
        return lines
    return [*lines, *(f"to pay less: {sizing_view.advice_line(item)}" for item in judged.advice())]


def picture(requirements: LanguageModelRequirements, instance_type: str) -> str:
    """Return the GPU's memory as an SVG document; only a note of a kept type that cannot be sized now."""
    judged = sized(requirements)
    choice = judged.choice(instance_type)
    if choice is None or choice.estimate is None:
        return sizing_view.note_svg(_not_sized(judged, instance_type))
    return sizing_view.svg(judged, choice)


def speed_limit(requirements: LanguageModelRequirements, instance_type: str) -> int:
    """Return the upper limit of tokens per second on one instance of a type, 0 if it is unknown."""
    judged = sized(requirements)
    choice = judged.choice(instance_type)
    best = gpu_sizer.ceiling(judged.facts, judged.load, choice) if choice and choice.fits else None
    return round(best.tokens_s) if best else 0


def gpu_lines(instance_type: str, count: int) -> list[str]:
    """Return the name and compute capability of each GPU of a type, or of `count` of a type dropped since."""
    return engines.gpu_lines(instance_type) or gpus_of_dropped(instance_type, count)


def gpus_of_dropped(instance_type: str, count: int) -> list[str]:
    """Return the name and compute capability of each GPU of a type that the catalog has dropped.

    They are those of another size of its family. Without one the capability is high: the type did fit.
    """
    family = instance_type.rpartition(".")[0]
    cards = [item.accelerator for item in catalog.instances().values() if item.name.startswith(f"{family}.")]
    card = next(filter(None, cards), None)
    return [f"{card.name}, {card.compute_capability}" if card else f"GPU of {instance_type}, 99"] * count


def _not_sized(judged: Sizing, instance_type: str) -> str:
    """Return why a type that was chosen once is not sized now, in a line."""
    return f"{instance_type} is not sized: {judged.reason(instance_type)}"


def known_size(parameters: str, name: str, conf: Mapping[str, Any]) -> str:
    """Return the number of parameters. Raise UnsizableModel if it is missing and no prompt can ask for it."""
    if not parameters and conf["defaults"]:
        raise UnsizableModel(unknown_size(name))
    return parameters


def unknown_size(name: str) -> str:
    """Return the message for a model whose number of parameters is unknown."""
    return (
        f"model_name: {name} cannot be sized: its architecture is unknown. Set its number of parameters in "
        "billions and the data type of its weights. Example: -d model_parameters=8 -d model_dtype=none"
    )


def _guessed(name: str, parameters: str, dtype: str) -> ModelFacts:
    if not parameters:
        raise UnsizableModel(unknown_size(name))
    return facts.from_parameters(float(parameters), dtype, name)


def _longest(model_facts: Mapping[str, Any]) -> int:
    """Return the tokens a model takes at most, 0 when that is not known."""
    return int((model_facts.get("shape") or {}).get("max_position_embeddings", 0))


def _label(choice: Choice) -> str:
    """Return a type with its price and GPUs. Copier adds the reason why a type cannot be chosen."""
    shown = [sizing_view.price(choice.instance)]
    if choice.fits:
        shown += [sizing_view.gpus(choice), f"{choice.headroom_gib:.1f} GiB free/GPU"]
        shown += ["in float16"] if choice.float16 else []
    return f"{choice.instance.name}: {', '.join(shown)}"
