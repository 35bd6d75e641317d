"""Warnings after a copy: what a server's version, its arguments and a model expose."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..catalog import catalog
from ..catalog.entries.servers import LanguageModelServer
from ..catalog.entries.triton import TritonBackend
from ..catalog.entries.versions import version_key
from ..models import facts
from . import compatibility, drivers, extra_arguments, gpu_support, releases, remote_code

SEVERE = 7.0  # CVSS


def lines(answers: Mapping[str, Any]) -> list[str]:
    """Return the warnings for a project of a language model or of Triton, one text each."""
    config, image = str(answers["deployment_config"]), str(answers["base_image"])
    known = answers.get("model_facts", {})
    multimodal = bool((known.get("shape") or {}).get("multimodal"))
    given = str(answers.get("extra_arguments", ""))
    if answers.get("trust_remote_code"):
        given = extra_arguments.with_remote_code(given, config, trust=True)
    found = list(vulnerabilities(config, image, multimodal))
    found += _hardware(config, image, str(answers.get("instance_type", "")), known)
    if known:
        found += _compatibility(known, config, image, given)
    if config in catalog.servers():
        found += extra_arguments.risks(given, config)
        if extra_arguments.trusts(given, config) and not (known.get("commit") or "").strip():
            found.append("the code is not pinned to a commit: set model_revision to one that you have read")
        found += _media(catalog.servers()[config], image, multimodal, given)
    return found


def _hardware(config: str, image: str, instance_type: str, known: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning for a driver older than the image's CUDA, and for weights that a GPU unpacks."""
    instance = catalog.instances().get(instance_type)
    card = instance.accelerator if instance else None
    if card is None or card.kind != "gpu" or not compatibility.is_known(config, image):
        return
    if warning := drivers.of_image(config, image, card.compute_capability).warning:
        yield warning
    if not known:
        return
    release = releases.of_image(config, image)
    if release.is_newer_than_the_catalog:
        date = catalog.architectures_date()
        yield f"{release.title} is newer than the catalog of {date}: models and GPUs were not checked"
    shape = facts.from_answer(known["shape"]) if known.get("shape") else None
    if shape and (remark := gpu_support.remark(shape, release, card)):
        yield remark
    if shape and shape.dtype == "bfloat16" and not card.bf16:
        yield f"{card.name} has no bfloat16: the model computes in float16, and its answers can differ"


def vulnerabilities(deployment_config: str, image: str, multimodal: bool = False) -> Iterator[str]:
    """Yield a warning for each engine in an image with severe published vulnerabilities.

    An image older than the default is always warned of; another one only of what can be reached.
    """
    server = catalog.language_model_server(deployment_config)
    known = server.image(image)
    if known.image != image:
        return
    older = version_key(known.version) < version_key(server.default_image.version)
    for title, engine, version in engines_in(server, known):
        entries = [item for item in catalog.vulnerabilities().get(engine, ()) if item.affects(version)]
        reach = ("any", "multimodal") if multimodal else ("any",)
        reachable = [item for item in entries if item.reach in reach]
        severe = [item for item in (entries if older else reachable) if not 0 < item.score < SEVERE]
        if severe:
            worst = max(severe, key=lambda item: (item.reach in reach, item.score))
            count = sum(len(item.ids) for item in entries)
            noun = "vulnerabilities" if count > 1 else "vulnerability"
            yield f"{title} {version}: {count} {noun}, {worst.ids[0]} (fixed in {worst.before})"


def engines_in(server: LanguageModelServer | TritonBackend, image: Any) -> Iterator[tuple[str, str, str]]:
    """Yield title, engine and version of what is in an image."""
    if isinstance(server, TritonBackend):
        yield "Triton", "triton", image.release
        if server.engine:
            yield releases.TITLES[server.engine], server.engine, image.version
        return
    if server.engine in ("lmi", "djl"):
        yield "DJL Serving", "djl", image.version
    if server.engine != "djl":
        yield releases.TITLES[server.registry], server.registry, image.inside or image.version


def _compatibility(known: Mapping[str, Any], config: str, image: str, given: str) -> Iterator[str]:
    verdict = compatibility.judge_image(compatibility.of_answer(known), config, image)
    if verdict.outcome == "warn" and not remote_code.settled(verdict, config, given):
        yield verdict.reason


def _media(server: LanguageModelServer, image: str, multimodal: bool, given: str) -> Iterator[str]:
    if not multimodal or "chat" not in server.requests:
        return
    limit = server.media_limit
    carrier = (limit.flag or limit.variable or "") if limit else ""
    if limit is None or version_key(limit.since) > version_key(server.image(image).version):
        yield "requests can make the server fetch any URL: block outgoing network access"
    elif carrier not in given:
        yield f"requests can make the server fetch any URL: limit it with {carrier}"
