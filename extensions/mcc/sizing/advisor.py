"""Advice to serve a language model on a cheaper instance type, or on any if none fits."""

import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..catalog import catalog
from ..catalog.entries.instances import Instance
from ..models.facts import ModelFacts
from .gpu_sizer import Choice, Load, choices

SHORTEST = 1024  # tokens; a shorter context is of no use
STEP = 512  # tokens, in which a shorter context is looked for


@dataclass(frozen=True)
class Advice:
    """A change of the load or the model, and the instance type that it makes possible."""

    change: str
    choice: Choice


def ladder(facts: ModelFacts, load: Load, instances: Iterable[Instance] | None = None) -> list[Advice]:
    """Return the changes that make a model fit, the smallest first; each one was tried."""
    offered = list(catalog.instances().values() if instances is None else instances)
    advice = []

    def served(requests: int) -> Choice | None:
        return _first(facts, dataclasses.replace(load, max_concurrency=requests), offered)

    def read(tokens: int) -> Choice | None:
        return _first(facts, dataclasses.replace(load, max_model_len=tokens), offered)

    fewer, shorter = _largest(load.max_concurrency, 1, served), _largest(load.max_model_len, STEP, read)
    if fewer:
        change = f"serve {fewer[0]:,} requests at once instead of {load.max_concurrency:,}"
        advice.append(Advice(change, fewer[1]))
    if shorter:
        change = f"shorten the context from {load.max_model_len:,} to {shorter[0]:,} tokens"
        advice.append(Advice(change, shorter[1]))
    return [*advice, *alternatives(facts, load, offered)]


def alternatives(
    facts: ModelFacts, load: Load, instances: Iterable[Instance], below: float = math.inf
) -> list[Advice]:
    """Return the changes of number formats that need a cheaper type than `below` dollars an hour."""
    offered = list(instances)
    advice = []
    engine = catalog.memory().engines[load.engine]
    if engine.fp8_kv_cache and load.kv_cache_dtype == "auto" and facts.kv_cache_dtype == "auto":
        advice += _tried(
            "keep the KV cache in FP8", facts, dataclasses.replace(load, kv_cache_dtype="fp8"), offered
        )
    if facts.quantization == "none":
        for name in ("fp8", "awq"):
            title = catalog.memory().quantizations[name].title
            quantized = dataclasses.replace(facts, quantization=name, checkpoint_bytes=0)
            advice += _tried(f"use a repository of this model with {title} weights", quantized, load, offered)
    return [item for item in advice if item.choice.usd_h < below]


def cheaper(
    facts: ModelFacts, load: Load, best: Choice, instances: Iterable[Instance] | None = None
) -> list[Advice]:
    """Return the changes that allow a cheaper type than `best`: a lower load, or other data types."""
    offered = list(catalog.instances().values() if instances is None else instances)
    advice = []
    if load.max_concurrency > 1:
        half = dataclasses.replace(load, max_concurrency=load.max_concurrency // 2)
        advice += _tried(f"serve {half.max_concurrency:,} requests at once", facts, half, offered)
    if load.max_model_len >= 2 * SHORTEST:
        half = dataclasses.replace(load, max_model_len=load.max_model_len // 2)
        advice += _tried(f"halve the context to {half.max_model_len:,} tokens", facts, half, offered)
    advice = [item for item in advice if item.choice.usd_h < best.usd_h]
    return [*advice, *alternatives(facts, load, offered, below=best.usd_h)]


def _largest(value: int, step: int, found: Callable[[int], Choice | None]) -> tuple[int, Choice] | None:
    """Return the largest multiple of `step` below `value` for which there is a choice, by bisection."""
    low, high, best = 0, -(-value // step), None
    while high - low > 1:
        middle = (low + high) // 2
        choice = found(middle * step)
        low, high, best = (middle, high, choice) if choice else (low, middle, best)
    return (low * step, best) if best else None


def _first(facts: ModelFacts, load: Load, instances: list[Instance]) -> Choice | None:
    ranked = choices(facts, load, instances)
    return ranked[0] if ranked and ranked[0].fits else None


def _tried(change: str, facts: ModelFacts, load: Load, instances: list[Instance]) -> list[Advice]:
    best = _first(facts, load, instances)
    return [Advice(change, best)] if best else []
