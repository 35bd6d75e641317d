"""Size a model: the best instance type, the reason, and the settings to serve the model there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..catalog import catalog
from ..catalog.entries.instances import Instance
from ..errors import redaction
from ..errors.errors import UnsizableModel
from ..models.facts import ModelFacts
from . import advisor, gpu_sizer, parameters
from .advisor import Advice
from .gpu_sizer import Choice, Load

SHOWN = 5
SHOWN_CHEAPER = 3
LEVELS = ("high", "medium", "low")  # of confidence


@dataclass(frozen=True)
class Sizing:
    """A model and its load, judged: `ranked` holds every type with an accelerator, best first.

    `instances` are the types to choose from, None for the whole catalog.
    """

    name: str
    source: str
    facts: ModelFacts
    load: Load
    ranked: list[Choice]
    instances: Sequence[Instance] | None = None

    @property
    def best(self) -> Choice | None:
        """The cheapest type that fits, or None when none does."""
        return self.ranked[0] if self.ranked and self.ranked[0].fits else None

    @property
    def fitting(self) -> list[Choice]:
        """The types that fit, best first."""
        return [choice for choice in self.ranked if choice.fits]

    @property
    def in_float16(self) -> Choice | None:
        """The cheapest type that fits in float16, because its GPU has no bfloat16, or None."""
        return next((choice for choice in self.fitting if choice.float16), None)

    @property
    def cheaper(self) -> list[Choice]:
        """The types below the best one's price that do not fit, nearest first."""
        return gpu_sizer.cheaper_that_fail(self.ranked)

    def choice(self, instance_type: str) -> Choice | None:
        """Return the judgement of a type, or None when the catalog has none with an accelerator."""
        return next((choice for choice in self.ranked if choice.instance.name == instance_type), None)

    def advice(self) -> list[Advice]:
        """Return the changes that make it cheaper, or possible if no type fits."""
        if self.best:
            return advisor.cheaper(self.facts, self.load, self.best, self.instances)
        return advisor.ladder(self.facts, self.load, self.instances)

    def reason(self, instance_type: str) -> str:
        """Return why a type cannot serve this model, or '' when it can."""
        choice, known = self.choice(instance_type), catalog.instances().get(instance_type)
        if choice is not None:
            return choice.reason
        if known is None:
            return "it is not in the catalog"
        return "it has no accelerator" if known.kind == "cpu" else "the target has no such nodes"

    def refusal(self, instance_type: str) -> str:
        """Return why a type cannot serve this model and which does, in a line, or '' when it can."""
        reason = self.reason(instance_type)
        if not reason:
            return ""
        instead = f"Choose {self.best.instance.name}." if self.best else self.way_out()
        return f"instance_type: {instance_type} does not serve {self.name}: {reason}. {instead}"

    def way_out(self) -> str:
        """Return the ladder for when nothing fits, in a line."""
        steps = [
            f"({number}) {item.change}: {item.choice.instance.name}"
            for number, item in enumerate(self.advice(), start=1)
        ]
        return "; ".join(steps) or "No change of context, requests or number format makes it fit any type."

    @property
    def confidence(self) -> str:
        """How often estimates for this kind of model hold, and no better than those for the engine."""
        kind = catalog.memory().kinds[self.facts.kind].confidence
        engine = catalog.memory().engines[self.load.engine].release(self.load.version).confidence
        return max(kind, engine, key=LEVELS.index)

    def settings(self, choice: Choice) -> dict[str, Any]:
        """Return the engine's settings on a type, in vLLM's names."""
        release = catalog.memory().engines[self.load.engine].release(self.load.version)
        return {
            "tensor_parallel_size": choice.tensor_parallel,
            "max_model_len": self.load.max_model_len,
            "max_num_seqs": self.load.max_concurrency,
            "gpu_memory_utilization": release.utilization,
            "kv_cache_dtype": self.load.kv_cache_dtype,
            "max_num_batched_tokens": self.load.max_num_batched_tokens,
            **({"dtype": "half"} if choice.float16 else {}),
        }


def size(
    name: str, source: str, facts: ModelFacts, load: Load, instances: Sequence[Instance] | None = None
) -> Sizing:
    """Judge every instance type, or those of `instances`, for a model and its load.

    `source` is the source of the facts. Raises UnsizableModel for a load the model cannot have.
    """
    if load.engine not in catalog.memory().engines:
        known = ", ".join(catalog.memory().engines)
        raise UnsizableModel(f"engine: {redaction.shown(load.engine)} is unknown. Choose one of {known}.")
    ranked = gpu_sizer.choices(facts, load, instances)
    return Sizing(name, source, facts, load, ranked, instances)


def as_json(sizing: Sizing) -> dict[str, Any]:
    """Return a sizing as plain values, sizes in GiB, prices in US dollars."""
    best = sizing.best
    return {
        "format_version": 1,
        "model": {"name": sizing.name, "source": sizing.source, **sizing.facts.answer()},
        "parameters": parameters.count(sizing.facts).total,
        "load": {name: value for name, value in vars(sizing.load).items() if value},
        "confidence": sizing.confidence,
        "best": best.instance.name if best else None,
        "settings": sizing.settings(best) if best else None,
        "choices": [choice_json(sizing, choice) for choice in sizing.fitting[:SHOWN]],
        "cheaper": [choice_json(sizing, choice) for choice in sizing.cheaper[:SHOWN_CHEAPER]],
        "advice": [
            {"change": item.change, "instance_type": item.choice.instance.name, "usd_h": item.choice.usd_h}
            for item in sizing.advice()
        ],
    }


def choice_json(sizing: Sizing, choice: Choice) -> Mapping[str, Any]:
    """Return one type's judgement as plain values."""
    price, found = choice.instance.price, choice.estimate
    judged: dict[str, Any] = {
        "instance_type": choice.instance.name,
        "usd_h": price.usd_h if price else None,
        "estimated_price": price.estimated if price else None,
        "fits": choice.fits,
        "reason": choice.reason,
    }
    if found:
        judged |= {
            "tensor_parallel": choice.tensor_parallel,
            "replicas": choice.replicas,
            "headroom_gib": round(choice.headroom_gib or 0.0, 2),
            "kv_tokens": found.tokens,
            "gib_per_gpu": {part: round(value, 2) for part, value in parts(sizing, choice).items()},
        }
    if choice.fits and (best := gpu_sizer.ceiling(sizing.facts, sizing.load, choice)):
        judged["ceiling"] = {"tokens_s": round(best.tokens_s)}
        if price:
            judged["ceiling"]["usd_per_million_tokens"] = round(best.usd_per_million, 2)
    return judged


def parts(sizing: Sizing, choice: Choice) -> dict[str, float]:
    """Return the memory use of one GPU of a type, in GiB. The parts add up to its visible memory.

    `kv_cache` is what the load takes, `free` all that is left, the engine's spare pool included. Where
    memory lacks, `free` is 0 and the parts are larger than the GPU.
    """
    found = choice.estimate
    assert found is not None
    filled = {
        "weights": found.fixed.weights,
        "activation": found.fixed.activation,
        "runtime": found.fixed.runtime + found.fixed.graphs,
        "kv_cache": found.load(sizing.load.max_concurrency),
    }
    return {**filled, "free": max(0.0, gpu_sizer.gpu_of(choice.instance).memory_gib - sum(filled.values()))}


def segments(sizing: Sizing, choice: Choice) -> dict[str, float]:
    """Return the parts of one GPU with the free memory split in two, in GiB.

    `spare` is the headroom of the choice. `reserve` is what the engine does not use, and the margin for the
    estimate's error.
    """
    filled = parts(sizing, choice)
    free = filled.pop("free")
    spare = min(free, max(0.0, choice.headroom_gib or 0.0)) if choice.fits else 0.0
    return {**filled, "reserve": free - spare, "spare": spare}
