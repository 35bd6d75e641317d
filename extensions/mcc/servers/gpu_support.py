"""Whether an engine's kernels, a quantization method and a driver support a GPU (catalog/gpu_support.yml)."""

from ..catalog import catalog, engine_facts
from ..catalog.entries.gpu_support import QuantizationSupport
from ..catalog.entries.instances import Accelerator
from ..catalog.entries.versions import version_key
from ..models.facts import ModelFacts
from . import drivers
from .releases import TITLES, Release

METHODS = {  # of a number format whose tool is unknown
    "fp8": "fp8",
    "int8": "compressed-tensors-int8",
    "awq": "awq",
    "gptq": "gptq",
    "bnb4": "bitsandbytes",
    "mxfp4": "mxfp4",
    "nvfp4": "modelopt-nvfp4",
}
# vLLM 0.10 keeps an FP8 cache only on these; on others, it changes to an engine that was removed later.
FP8_CACHE_OF_010 = (9.0, 10.0)


def method_of(facts: ModelFacts) -> str:
    """Return how the weights of a model are quantized, as in gpu_support.yml, '' for 16-bit weights."""
    known = method_of_format(facts.quantization)
    return (facts.quantization_method or known) if known else ""


def method_of_format(number_format: str) -> str:
    """Return the usual method of a number format of memory.yml, '' for 16-bit weights."""
    return "gguf" if number_format.startswith("gguf") else METHODS.get(number_format, "")


def model_problem(method: str, release: Release) -> str:
    """Return why no GPU makes a release read a quantization method, or ''."""
    support = engine_facts.gpu_support()[release.engine].methods.get(method)
    if support is None:
        return ""
    if support.refused:
        return f"{release.title} does not read {support.title} checkpoints"
    if support.until and version_key(release.version) > version_key(support.until):
        text = f"{release.title} has no {support.title}; {support.until} is the last release that has it"
        return f"{text}, later ones need {support.instead}" if support.instead else text
    first = next(iter(support.needs))
    if version_key(release.version) < version_key(first):
        return f"{release.title} has no {support.title}, which came with {first}"
    return ""


def problem(facts: ModelFacts, release: Release, card: Accelerator, kv_cache_dtype: str = "auto") -> str:
    """Return why a GPU cannot run a model with a release, or ''. Memory is not judged."""
    capability = card.compute_capability or 0.0
    if not runs(release.kernels, capability):
        return _without_kernels(release, card)
    method = method_of(facts)
    if reason := model_problem(method, release) or _method_problem(method, release, card):
        return reason
    if kv_cache_dtype == "fp8":
        in_010 = release.engine == "vllm" and version_key(release.version)[:2] == (0, 10)
        if in_010 and capability not in FP8_CACHE_OF_010:
            return f"{release.title} has no FP8 KV cache for {card.name}, vLLM 0.11.1 and later have"
        needed = catalog.memory().formats["fp8_kv_cache"].compute_capability
        if capability < needed:
            return f"an FP8 KV cache needs compute capability {needed:g}, {card.name} has {capability:g}"
    found = drivers.choose(release.cuda, release.compat, capability) if release.cuda else None
    return f"{release.title}: {found.problem}" if found and found.problem else ""


def remark(facts: ModelFacts, release: Release, card: Accelerator) -> str:
    """Return a remark on weights that a GPU unpacks before it computes, or ''."""
    support = engine_facts.gpu_support()[release.engine].methods.get(method_of(facts))
    capability = card.compute_capability or 0.0
    if support is None or not support.native or capability >= support.native:
        return ""
    return f"{card.name} unpacks {support.title} weights: they save memory, but are not faster"


def runs(kernels: tuple[float, ...], capability: float) -> bool:
    """Return whether a GPU has kernels: of its major version, for its minor version or an earlier one."""
    return any(int(built) == int(capability) and built <= capability for built in kernels)


def needs(facts: ModelFacts, release: Release) -> dict[str, float]:
    """Return the requirements of a release and of the weights: title -> minimum compute capability."""
    found = {release.title: min(release.kernels)}
    support = engine_facts.gpu_support()[release.engine].methods.get(method_of(facts))
    if support and support.needs:
        found[support.title] = _minimum(support, release.version)
    return found


def _without_kernels(release: Release, card: Accelerator) -> str:
    capability = card.compute_capability or 0.0
    if capability < min(release.kernels):
        least = min(release.kernels)
        return f"{TITLES[release.engine]} needs compute capability {least:g}, {card.name} has {capability:g}"
    return f"{release.title} has no kernels for {card.name} (compute capability {capability:g})"


def _method_problem(method: str, release: Release, card: Accelerator) -> str:
    """Return why a GPU cannot use a quantization method with a release, and the release that can, or ''."""
    support = engine_facts.gpu_support()[release.engine].methods.get(method)
    if support is None or not support.needs:
        return ""
    capability = card.compute_capability or 0.0
    limited = not support.only_until or version_key(release.version) <= version_key(support.only_until)
    if support.only and limited and not runs(support.only, capability):
        lacking = f"{release.title} has no {support.title} kernels for {card.name}"
        return f"{lacking} (compute capability {capability:g})"
    needed = _minimum(support, release.version)
    if capability >= needed:
        return ""
    later = next((since for since, least in support.needs.items() if least <= capability), "")
    after = f"; {TITLES[release.engine]} {later} runs it there" if later else ""
    return f"{support.title} needs compute capability {needed:g}, {card.name} has {capability:g}{after}"


def _minimum(support: QuantizationSupport, version: str) -> float:
    """Return the compute capability that a method needs in a release."""
    key = version_key(version)
    held = [least for since, least in support.needs.items() if version_key(since) <= key]
    return held[-1] if held else next(iter(support.needs.values()))
