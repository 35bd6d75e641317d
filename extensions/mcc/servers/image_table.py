"""The facts that a project's commands check its base image against: verdicts and vulnerabilities."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..catalog import catalog
from ..catalog.entries.triton import TritonBackend
from . import advisories, compatibility, engines, extra_arguments, remote_code


def table(
    deployment_config: str,
    image: str,
    region: str,
    model_facts: Mapping[str, Any],
    arguments: str,
    trust: bool = False,
) -> dict[str, Any]:
    """Return the images of a server with their verdicts, and the vulnerabilities of what is in them.

    The project's own image is first. `model_facts` are {} for a model that is not a language model.
    """
    server = catalog.language_model_server(deployment_config)
    arguments = extra_arguments.with_remote_code(arguments, deployment_config, trust)
    names = dict.fromkeys([image, *(item.image for item in server.images)])
    rows = [_row(deployment_config, name, region, model_facts, arguments) for name in names]
    engine_names = sorted({engine for row in rows for engine in row["engines"]})
    multimodal = bool((model_facts.get("shape") or {}).get("multimodal"))
    return {
        "date": catalog.architectures_date().isoformat(),
        "images": rows,
        "vulnerabilities": [row for name in engine_names for row in _vulnerabilities(name, multimodal)],
    }


def _row(
    deployment_config: str, image: str, region: str, model_facts: Mapping[str, Any], arguments: str
) -> dict[str, Any]:
    server = catalog.language_model_server(deployment_config)
    known = compatibility.is_known(deployment_config, image)
    parts = list(advisories.engines_in(server, server.image(image))) if known else []
    reason, outcome, instead = "", "works" if known else "unknown", ""
    if known and model_facts:
        model = compatibility.of_answer(model_facts)
        verdict = compatibility.judge_image(model, deployment_config, image)
        if not remote_code.settled(verdict, deployment_config, arguments):
            outcome, reason = verdict.outcome, verdict.reason
        instead = compatibility.best_image(model, deployment_config) if outcome == "refuse" else ""
    pulled = (
        image if isinstance(server, TritonBackend) else engines.image_in(image, region, deployment_config)
    )
    return {
        "image": pulled,
        "engines": {engine: version for _, engine, version in parts},
        "outcome": outcome,
        "reason": reason,
        "instead": instead,
    }


def _vulnerabilities(engine: str, multimodal: bool) -> Iterator[dict[str, Any]]:
    """Yield the vulnerabilities of an engine; those of media cannot be reached with other models."""
    title = {"triton": "Triton"}.get(engine) or compatibility.TITLES[engine]
    for item in catalog.vulnerabilities().get(engine, ()):
        yield {
            "engine": engine,
            "title": title,
            "ids": list(item.ids),
            "since": item.since,
            "before": item.before,
            "what": item.what,
            "closed": item.reach == "closed" or (item.reach == "multimodal" and not multimodal),
        }
