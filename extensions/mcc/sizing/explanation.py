"""The reasons for an instance type in plain words: price, memory, next cheaper type, and limits."""

import dataclasses
from typing import Any

from ..catalog import selected
from ..catalog.entries.instances import Instance
from . import gpu_sizer
from .gpu_sizer import LARGEST_LOAD, Choice, Load
from .sizing import Sizing, as_json
from .weights import GIB

PRICED_IN = "us-east-1"


def reasons(sized: Sizing, choice: Choice) -> list[str]:
    """Return why a type is chosen, one sentence or two an item; [] for a type without an estimate."""
    if choice.estimate is None:
        return []
    return [
        _choice(sized, choice),
        _memory(sized, choice),
        *_float16(sized, choice),
        *_next_cheaper(sized, choice),
        *_limits(sized, choice),
    ]


def price(instance: Instance) -> str:
    """Return the price of a type with its region, and whether it is an estimate."""
    if instance.price is None:
        return "at an unknown price"
    kind = "an estimated " if instance.price.estimated else ""
    return f"at {kind}${instance.price.usd_h:.2f}/h in {PRICED_IN}"


def price_source(instance: Instance) -> str:
    """Return the source of a type's price in a sentence, '' if no price is known."""
    if instance.price is None:
        return ""
    return f"Source of the price: {selected.price_source(instance.price.source)}."


def report(sized: Sizing) -> dict[str, Any]:
    """Return a sizing as plain values, with the reasons for the best type in `why`."""
    return {**as_json(sized), "why": reasons(sized, sized.best) if sized.best else []}


def _choice(sized: Sizing, choice: Choice) -> str:
    name, best = choice.instance.name, sized.best
    if best is None or choice.instance.name == best.instance.name:
        held = (
            "is the cheapest type that holds the model and this load"
            if choice.fits
            else "is the nearest type"
        )
        return f"{name} {held}, {price(choice.instance)}. {price_source(choice.instance)}".strip()
    held = "holds" if choice.fits else "does not hold"
    with_it = " with bfloat16" if choice.float16 else ""
    return (
        f"{name}, {price(choice.instance)}, {held} the model and this load. "
        f"The cheapest type{with_it} that holds them is {best.instance.name}, {price(best.instance)}."
    )


def _memory(sized: Sizing, choice: Choice) -> str:
    found, load = choice.estimate, sized.load
    assert found is not None
    gpu = gpu_sizer.gpu_of(choice.instance).memory_gib
    shared = "the model" if choice.tensor_parallel == 1 else f"1/{choice.tensor_parallel} of the model"
    work = found.fixed.activation + found.fixed.runtime + found.fixed.graphs
    cache = found.cache.load_bytes(load.max_concurrency) / GIB
    requests = f"{load.max_concurrency:,} requests of {load.max_model_len:,} tokens"
    left = f"{choice.headroom_gib:.1f} GiB are spare" if choice.fits else choice.reason
    return (
        f"Each GPU has {gpu:.1f} GiB: {shared} takes {found.fixed.weights:.1f}, computation {work:.1f}, "
        f"and the KV cache of {requests} {cache:.1f}; {left}."
    )


def _float16(sized: Sizing, choice: Choice) -> list[str]:
    """Return that a type, or a cheaper one, computes in another data type than the model's."""
    if choice.float16 and choice.fits:
        return [f"{_without_bfloat16(choice)}: the server computes in float16, and answers can differ."]
    other = sized.in_float16
    if choice is not sized.best or other is None or other.usd_h >= choice.usd_h:
        return []
    name = other.instance.name
    return [f"{name}, {price(other.instance)}, holds them in float16 only: {_without_bfloat16(other)}."]


def _without_bfloat16(choice: Choice) -> str:
    assert choice.instance.accelerator is not None
    return f"{choice.instance.accelerator.name} has no bfloat16, the model's data type"


def _next_cheaper(sized: Sizing, choice: Choice) -> list[str]:
    failing = [item for item in sized.cheaper if item.usd_h < choice.usd_h]
    if not failing or not choice.fits:
        return []
    nearest = next((item for item in failing if item.estimate), failing[0])
    return [f"The next cheaper type, {nearest.instance.name} {price(nearest.instance)}, {nearest.reason}."]


def _limits(sized: Sizing, choice: Choice) -> list[str]:
    """Return how far the load can grow on this type, and where it goes from there."""
    if not choice.fits:
        return []
    requests = _most(sized, choice, "max_concurrency", LARGEST_LOAD)
    tokens = _most(sized, choice, "max_model_len", sized.facts.max_position_embeddings)
    return [
        f"It holds up to {requests:,} requests of {sized.load.max_model_len:,} tokens, or "
        f"{sized.load.max_concurrency:,} of {tokens:,} tokens; more need a larger type."
    ]


def _most(sized: Sizing, choice: Choice, field: str, most: int) -> int:
    """Return the largest value of a field of the load that the type holds, by doubling and bisection."""
    low = int(getattr(sized.load, field))
    high = min(2 * low, most)
    while high < most and _fits(sized, choice, field, high):
        low, high = high, min(2 * high, most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _fits(sized, choice, field, middle) else (low, middle - 1)
    return low


def _fits(sized: Sizing, choice: Choice, field: str, value: int) -> bool:
    changes: dict[str, int] = {field: value}
    load: Load = dataclasses.replace(sized.load, **changes)  # type: ignore[arg-type]  # of a number
    return gpu_sizer.choices(sized.facts, load, [choice.instance])[0].fits
