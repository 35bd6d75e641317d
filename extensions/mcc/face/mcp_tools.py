"""Tools of the MCP server: sizing, the facts of the catalog, and the interview's own defaults.

A docstring here is what an assistant reads of a tool.
"""

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from typing import Any

from ..catalog import catalog
from ..errors import redaction
from ..errors.errors import InvalidAnswer, MccError
from ..interview import answer_formats, answers, copier_run, language_model, offers, questions
from ..interview import base_images as images
from ..interview.requirements import LanguageModelRequirements
from ..models import lookup
from ..sizing import cpu_sizer, explanation
from ..sources import settings
from . import inspect_model as inspect_file
from . import size

READ = (
    *("deployment_config", "framework", "serving_profile", "base_image", "model_name", "model_revision"),
    *("model_parameters", "model_dtype", "max_model_len", "max_concurrency", "kv_cache_dtype", "offline"),
)
Offer = tuple[str, list[str]]  # the value, '' when there is none of its own, and the choices


def get_ml_config(
    parameters: list[str], limit: int = 10, context: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Suggest answers for a SageMaker container: instance_type, region, base_image, model_name.

    `context` holds what is known: model_name, max_model_len and max_concurrency of a language model, or the
    framework of a predictive one (sklearn, xgboost or another), deployment_config, serving_profile.
    The cheapest instance type that serves the model is the value, the next ones are choices.
    """
    given = context or {}
    found: dict[str, Any] = {"values": {}, "choices": {}}
    failures = []
    for name in parameters:
        old = catalog.predecessor().get(name)
        offer = OFFERS.get(name) or OFFERS.get((old.question if old else None) or "")
        if offer is None:
            continue
        try:
            value, choices = offer(given)
        except MccError as failure:
            failures.append(failure)
            continue
        if value:
            found["values"][name] = value
        found["choices"][name] = [item for item in dict.fromkeys([value, *choices]) if item][: max(limit, 1)]
    if failures and not found["choices"]:
        raise failures[0]
    return found | ({"message": " ".join(dict.fromkeys(map(str, failures)))} if failures else {})


def size_model(
    model: str,
    max_model_len: int | None = None,
    max_concurrency: int | None = None,
    engine: str = "vllm",
    offline: bool = False,
) -> dict[str, Any]:
    """Find the SageMaker instance types that serve a language model, cheapest first, with GPU memory in GiB.

    `model` is an id on the Hugging Face Hub, `max_model_len` the tokens of a request (prompt and answer),
    `max_concurrency` the requests at once, `engine` vllm, sglang, tensorrt-llm, lmi or djl. `best` is the
    cheapest type that fits, `cheaper` states why others do not, `advice` what would change that.
    """
    found = lookup.model(model, offline=offline or None)
    judged = size.of_model(found, engine, "", max_model_len, max_concurrency)
    return explanation.report(judged) | ({"note": found.note} if found.note else {})


def model_facts(model: str, revision: str = "", offline: bool = False) -> dict[str, Any]:
    """Look up a language model: its commit, whether it is gated, and the shape that decides its memory."""
    return lookup.model(model, revision, offline=offline or None).answer()


def instance_facts(instance_type: str) -> dict[str, Any]:
    """Describe a SageMaker instance type such as ml.g5.xlarge: CPUs, memory, GPUs, hourly price."""
    known = catalog.instances()
    if instance_type not in known:
        near = difflib.get_close_matches(instance_type, known, n=3, cutoff=0.4) or ["ml.g5.xlarge"]
        raise InvalidAnswer(
            f"instance_type: {redaction.shown(instance_type)} is not in the catalog. "
            f"Nearest: {', '.join(near)}."
        )
    facts = known[instance_type]
    return {**_plain(facts), "kind": facts.kind}


def regions() -> dict[str, Any]:
    """List the AWS regions where SageMaker hosts models."""
    return {"regions": [{"name": name, **_plain(region)} for name, region in catalog.regions().items()]}


def base_images(deployment_config: str) -> dict[str, Any]:
    """List the images that a deployment config can be built from, newest first, and the default."""
    answers.check({"deployment_config": deployment_config})
    servers: dict[str, Any] = {**catalog.servers(), **catalog.triton()}
    server = servers.get(deployment_config)
    pythons = [{"image": image} for image in catalog.python_images()]
    images = [_plain(image) for image in server.images] if server else pythons
    return {"default": catalog.default_image(deployment_config), "images": images}


def inspect_model(path: str) -> dict[str, Any]:
    """Read a predictive model's file, folder or archive on this machine, without running anything of it.

    `answers` are those of a project that serves it; `inputs`, `classes` and `libraries` are what the file
    states; `warnings` name what is missing in it, `problem` why it cannot be served and what to do.
    """
    return inspect_file.inspect(path).as_json()


# The predecessor's client calls the first tool there is.
TOOLS: tuple[Callable[..., dict[str, Any]], ...] = (
    get_ml_config,
    size_model,
    model_facts,
    instance_facts,
    regions,
    base_images,
    inspect_model,
)


def _instance_type(context: Mapping[str, Any]) -> Offer:
    known, config = _known(context)
    if not questions.serves_language_model(config):
        framework = known.get("framework", next(iter(catalog.frameworks())))
        framework = config if config in catalog.triton() else framework
        profile = known.get("serving_profile", next(iter(questions.SERVING_PROFILES)))
        value = cpu_sizer.default_instance(framework, None, profile).name
        ranked = cpu_sizer.cpu_choices(framework, None, profile)
        return value, [choice.instance.name for choice in ranked if choice.reason is None]
    if "model_name" not in known:
        raise InvalidAnswer(
            "model_name: is not in the context. Give it, or a framework. Example: Qwen/Qwen3-8B"
        )
    model = _model(known)
    profile = known.get("serving_profile", "balanced")
    asked = catalog.profiles()[profile]
    length = int(known.get("max_model_len") or language_model.default_max_model_len(profile, model))
    requirements = LanguageModelRequirements(
        server=config,
        model=model,
        parameters=known.get("model_parameters", ""),
        dtype=known.get("model_dtype", "none"),
        image=known.get("base_image") or images.default(config, model_facts=model),
        profile=profile,
        kv_cache_dtype=known.get("kv_cache_dtype", "auto"),
        max_model_len=length,
        max_concurrency=int(known.get("max_concurrency") or asked.max_concurrency),
    )
    judged = language_model.sized(requirements)
    if judged.best is None:
        raise InvalidAnswer(f"instance_type: none serves {judged.name} for this load. {judged.way_out()}")
    return judged.best.instance.name, [choice.instance.name for choice in judged.fitting]


def _model(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of the model in a context."""
    offline = str(known.get("offline", "")).lower() in copier_run.YES
    name, revision = known["model_name"], known.get("model_revision", "")
    return lookup.model(name, revision, offline=offline or None).answer()


def _region(context: Mapping[str, Any]) -> Offer:
    search = str(context.get("regionSearch", "")).lower()
    found = [name for name, region in catalog.regions().items() if search in f"{name} {region.title}".lower()]
    default = answer_formats.default_region()
    return default if default in found or not search else next(iter(found), ""), found


def _base_image(context: Mapping[str, Any]) -> Offer:
    known, config = _known(context)
    model: Mapping[str, Any] = {}
    if "model_name" in known and questions.serves_language_model(config):
        model = _model(known)
    value = images.default(config, model_facts=model)
    return value, list(offers.image_choices(config, model).values())


def _model_name(context: Mapping[str, Any]) -> Offer:
    search = str(_translated(context).get("model_name", "")).lower()
    return "", [name for name in catalog.models() if search in name.lower()]


OFFERS: Mapping[str, Callable[[Mapping[str, Any]], Offer]] = {
    "instance_type": _instance_type,
    "region": _region,
    "base_image": _base_image,
    "model_name": _model_name,
}


def _known(context: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the answers in a context, and its deployment config. Raise InvalidAnswer if they are wrong."""
    known = _translated(context)
    predictive = "framework" in known or "model_name" not in known
    config = str(known.get("deployment_config") or questions.PREDICTIVE[0])
    if "deployment_config" not in known and not predictive:
        config = next(iter(catalog.servers()))
    target = str(known.get("deployment_target", ""))
    known = questions.relevant({**known, "deployment_config": config}, config, target)
    answers.check(known)
    return known, config


def _translated(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the relevant answers, including those in the names of the predecessor."""
    old = {name for name, key in catalog.predecessor().items() if key.question}
    said = {name: value for name, value in context.items() if name in READ or name in old}
    values, _ = settings.translated(said, READ, "context")
    return {name: value for name, value in values.items() if name in READ and value not in ("", None)}


def _plain(facts: Any) -> dict[str, Any]:
    """Return a dataclass of the catalog as a mapping, without what is not known."""
    mapping = dataclasses.asdict(facts)
    return {name: value for name, value in mapping.items() if value is not None}
