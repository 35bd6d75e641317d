"""Whether a release of an inference server can load a model: works, works with a warning, or is refused.

Two conditions are checked: the server has a class for the model's architecture, and something in its image
supports the model's type. Kernels, memory and drivers are checked elsewhere. Anything not in the catalog is
never refused.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from ..catalog import catalog
from ..catalog.entries.models import Architecture, ModelType
from ..catalog.entries.servers import LanguageModelServer, ServerImage
from ..catalog.entries.triton import TritonImage
from ..catalog.entries.versions import version_key
from . import gpu_support, releases
from .releases import TITLES as TITLES

REMOTE_CODE = "--trust-remote-code"
# vLLM serves these forms of a model with the class that generates text.
POOLING_FORMS = re.compile(r"(For(SequenceClassification|TokenClassification|Embedding|RewardModel)|Model)$")


@dataclasses.dataclass(frozen=True)
class Model:
    """The classes in a model's config.json; empty if they are unknown.

    `own_code` is True when its repository has code of its own (auto_map). `quantization` is the method of its
    weights, as in gpu_support.yml.
    """

    name: str
    architecture: str = ""
    model_type: str = ""
    own_code: bool = False
    quantization: str = ""


def of_answer(model_facts: Mapping[str, Any]) -> Model:
    """Return the classes in a stored answer about a model."""
    name, architecture, model_type = (
        str(model_facts.get(key, "")) for key in ("name", "architecture", "model_type")
    )
    shape = model_facts.get("shape") or {}
    method = gpu_support.method_of_format(str(shape.get("quantization", "")))
    quantization = str(shape.get("quantization_method") or model_facts.get("quantization") or method)
    return Model(name, architecture, model_type, bool(model_facts.get("own_code")), quantization)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a server loads a model, and the reason in a sentence unless it works.

    `arguments` are extra arguments that a warning asks for.
    """

    outcome: Literal["works", "warn", "refuse"]
    reason: str = ""
    arguments: str = ""


WORKS = Verdict("works")


def judge(model: Model, engine: str, version: str) -> Verdict:
    """Return whether a release of vLLM, SGLang, TensorRT-LLM or DJL Serving loads a model."""
    release = releases.Release(engine, version, releases.kernels(engine, version))
    if reason := gpu_support.model_problem(model.quantization, release):
        return Verdict("refuse", reason)
    verdict = _by_registry(model, engine, version) if model.architecture else WORKS
    if verdict.outcome == "refuse" and release.is_newer_than_the_catalog:
        date = catalog.architectures_date()
        return Verdict("warn", f"{release.title} is newer than the catalog of {date}: not checked")
    return verdict


def _by_registry(model: Model, engine: str, version: str) -> Verdict:
    if engine == "tensorrt-llm":
        return _documented(model, version)
    if engine == "djl":
        return _by_transformers_alone(model, version)
    ranges = _ranges(model.architecture, engine)
    if any(within(version, span) for span in ranges) and not _in_gap(model.architecture, engine, version):
        return _with_configuration(model, engine, version)
    return _without_class(model, engine, version, ranges)


def judge_image(model: Model, deployment_config: str, image: str) -> Verdict:
    """Return whether an image of a language-model server loads a model.

    An image that the catalog does not have is not judged.
    """
    if not is_known(deployment_config, image):
        return WORKS
    release = releases.of_image(deployment_config, image)
    return judge(model, release.engine, release.version)


def is_known(deployment_config: str, image: str) -> bool:
    """Return whether the release in an image is known, by the catalog or by a tag like those in it."""
    found: ServerImage | TritonImage = catalog.language_model_server(deployment_config).image(image)
    return found.image == image


def best_image(model: Model, deployment_config: str) -> str:
    """Return the usual image of a server, or else the newest that loads a model, or the usual one."""
    server = catalog.language_model_server(deployment_config)
    usual = str(server.default_image.image)
    verdicts = {
        item.image: judge_image(model, deployment_config, item.image).outcome for item in server.images
    }
    if verdicts[usual] != "refuse":
        return usual
    for wanted in ("works", "warn"):
        found = next((str(image) for image, outcome in verdicts.items() if outcome == wanted), "")
        if found:
            return found
    return usual


def refusal(model: Model, deployment_config: str, image: str) -> str:
    """Return why an image cannot load a model and what can instead, in lines; '' when it is not refused."""
    verdict = judge_image(model, deployment_config, image)
    if verdict.outcome != "refuse":
        return ""
    server = catalog.language_model_server(deployment_config)
    found = server.image(image)
    title = f"{server.title} {found.version}"
    engine, version = engine_in(server, found)
    if version != found.version:
        title += f" ({TITLES[engine]} {version})"
    lines = [f"{model.name} does not load in {title}.", f"{verdict.reason}."]
    if ways := list(_alternatives(model, deployment_config)):
        lines.append(f"Use {' or '.join(ways)}.")
    else:
        lines.append("No image in the catalog loads it. Choose another model.")
    return "\n".join(lines)


def release_refusal(model: Model, engine: str, version: str = "") -> str:
    """Return why a release of an engine cannot load a model and what can, '' when it is not refused.

    Engines and their default version ('' for `version`) are those of memory.yml.
    """
    verdict = judge_release(model, engine, version)
    if verdict.outcome != "refuse":
        return ""
    default = catalog.memory().engines[engine].default_version
    ways = [f"--engine-version {default}"] if judge_release(model, engine).outcome != "refuse" else []
    others = [name for name in ("vllm", "sglang") if name != engine]
    ways += [f"--engine {name}" for name in others if judge_release(model, name).outcome != "refuse"]
    reason = f"{engine} {version or default} does not load it: {verdict.reason}"
    return f"{reason}. Use {' or '.join(ways)}" if ways else reason


def judge_release(model: Model, engine: str, version: str = "") -> Verdict:
    """Return whether a release of an engine, named as in memory.yml, loads a model.

    LMI's releases are judged by the vLLM inside, as far as the catalog has them.
    """
    version = version or catalog.memory().engines[engine].default_version
    server = catalog.servers()[f"transformers-{engine}"]
    if server.registry == engine:
        return judge(model, engine, version)
    inside = next((image.inside for image in server.images if image.version == version), "")
    return judge(model, server.registry, inside) if inside else WORKS


def engine_in(server: LanguageModelServer, image: ServerImage | TritonImage) -> tuple[str, str]:
    """Return the engine that loads models in an image, and its version."""
    if isinstance(image, TritonImage):
        return server.engine, image.version
    return server.registry, image.inside or image.version


def _alternatives(model: Model, deployment_config: str) -> Iterator[str]:
    """Yield the answers that would load a model: an image of the same server, another server."""
    best = best_image(model, deployment_config)
    if judge_image(model, deployment_config, best).outcome != "refuse":
        yield f"base_image={best}"
    names = [name for name in catalog.servers() if name != deployment_config]
    yield from [way for name in names if (way := _other_server(model, name))][:1]


def _other_server(model: Model, name: str) -> str:
    server = catalog.servers()[name]
    loads = judge_image(model, name, server.default_image.image).outcome != "refuse"
    return f"deployment_config={name}" if loads and server.registry in ("vllm", "sglang") else ""


def _with_configuration(model: Model, engine: str, version: str) -> Verdict:
    """Judge a model whose architecture the release has: does a library support the model's type?"""
    kind = catalog.model_types().get(model.model_type)
    if kind is not None and not _knows_type(kind, engine, version):
        what = f"{TITLES[engine]} {version} has no configuration for model_type {model.model_type}"
        arguments = kind.instead or (REMOTE_CODE if model.own_code or not kind.transformers else "")
        if not arguments:
            return Verdict("refuse", f"{what}, which came with Transformers {kind.transformers}")
        return Verdict("warn", f"{what}: it needs {arguments}", arguments)
    slower = _architecture(model.architecture).vllm_transformers if engine == "vllm" else ""
    if slower and version_key(slower) <= version_key(version):
        return Verdict("warn", f"vLLM {version} runs {model.architecture} by Transformers: slower")
    return WORKS


def _without_class(model: Model, engine: str, version: str, ranges: list[tuple[str, ...]]) -> Verdict:
    """Judge a model whose architecture the release lacks: it may still run by its class in Transformers."""
    kind = catalog.model_types().get(model.model_type)
    if model.architecture not in catalog.architectures() and kind is None:
        date = catalog.architectures_date()
        return Verdict("warn", f"{model.architecture} is not in the catalog of {date}: not checked")
    if (kind is None and not ranges) or (kind and _in_transformers(kind, engine, version) is not False):
        what = f"{TITLES[engine]} {version} has no class {model.architecture}"
        return Verdict("warn", f"{what}; it may run by Transformers, slower")
    return Verdict("refuse", f"{model.architecture} {_when(ranges, engine)}")


def _when(ranges: list[tuple[str, ...]], engine: str) -> str:
    title = TITLES[engine]
    if not ranges:
        return f"is in no release of {title}"
    first, *last = ranges[0]
    return f"is in {title} {first} to {last[0]} only" if last else f"came with {title} {first}"


def _documented(model: Model, version: str) -> Verdict:
    entry = catalog.architectures().get(model.architecture)
    if entry and entry.tensorrt_llm and within(version, entry.tensorrt_llm):
        return WORKS
    return Verdict("warn", f"TensorRT-LLM {version} does not document {model.architecture}: it may not load")


def _by_transformers_alone(model: Model, version: str) -> Verdict:
    kind = catalog.model_types().get(model.model_type)
    if kind is None or _in_transformers(kind, "djl", version) is not False:
        return WORKS
    if not kind.transformers:
        return Verdict("warn", f"model_type {model.model_type} is in no Transformers: it needs its own code")
    reason = f"model_type {model.model_type} came with Transformers {kind.transformers}"
    return Verdict("warn", f"{reason}, newer than DJL Serving {version}: it may not load")


def _knows_type(kind: ModelType, engine: str, version: str) -> bool:
    """Return whether a release has, or may have, a configuration of a model type."""
    own = kind.vllm if engine == "vllm" else kind.sglang
    if own and within(version, own):
        return True
    if engine == "sglang":
        return not own and (bool(kind.transformers) or not kind.instead)
    return _in_transformers(kind, engine, version) is not False


def _in_transformers(kind: ModelType, engine: str, version: str) -> bool | None:
    """Return whether the Transformers in an image maps a model type, None when that is not known."""
    if not kind.transformers:
        return False
    releases = catalog.transformers()[engine]
    held = [item for item in releases if version_key(item.since) <= version_key(version)][-1]
    needed = version_key(kind.transformers)[:2]
    if needed <= version_key(held.oldest)[:2]:
        return True
    return needed <= version_key(held.newest)[:2] if held.newest else None


def _ranges(architecture: str, engine: str) -> list[tuple[str, ...]]:
    """Return the releases that have an architecture; in vLLM the class that generates text serves it too."""
    names = [architecture]
    if engine == "vllm" and POOLING_FORMS.search(architecture):
        names.append(POOLING_FORMS.sub("ForCausalLM", architecture))
    known = [_architecture(name) for name in names]
    spans = [entry.vllm if engine == "vllm" else entry.sglang for entry in known]
    return [span for span in spans if span]


def _in_gap(architecture: str, engine: str, version: str) -> bool:
    gap = _architecture(architecture).vllm_gap
    return engine == "vllm" and bool(gap) and within(version, gap)


def _architecture(name: str) -> Architecture:
    known: Mapping[str, Architecture] = catalog.architectures()
    return known.get(name, Architecture())


def within(version: str, span: tuple[str, ...]) -> bool:
    """Return whether a version is in [first] or [first, last].

    The oldest release that was read stands for those before it too.
    """
    first, *last = span
    key = version_key(version)
    oldest = first in ("0.7.3", "0.5.4.post1", "1.0.0")
    return (oldest or version_key(first) <= key) and (not last or key <= version_key(last[0]))
