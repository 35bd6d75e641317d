"""The accuracy of the memory estimate on measured start-ups, compared with other methods: `make accuracy`.

Reads a table of start-ups (tests/data/startups.csv, or the file given), estimates each from the model's
facts, the GPU and the engine's settings alone, and compares weights, tokens of KV cache and the decision
whether the model starts with one request of the full length.
"""

import dataclasses
import re
import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from extensions.mcc.catalog import catalog
from extensions.mcc.models.facts import ModelFacts
from extensions.mcc.sizing import memory, parameters, weights
from extensions.mcc.sizing.kv_cache import SIXTEEN_BIT
from extensions.mcc.sizing.weights import GIB
from tests.startups import STARTUPS, Startup, read


@dataclasses.dataclass(frozen=True)
class Prediction:
    """GiB of weights on a GPU, tokens of KV cache (None where a method has none), and if it starts."""

    weights: float
    tokens: float | None
    starts: bool


Method = Callable[[Startup], Prediction]


def ours(startup: Startup) -> Prediction:
    """The estimate of extensions/mcc/sizing/memory.py, with the margin it keeps."""
    found = memory.estimate(startup.facts, startup.gpu, startup.serving)
    return Prediction(found.fixed.weights, found.tokens, found.starts())


def documentation(startup: Startup) -> Prediction:
    """As the engines' documentation explains it: weights / GPUs, and KV cache in the rest of the budget."""
    shown = _checkpoint_gib(startup.facts) / _gpus(startup)
    pool = (startup.serving.utilization or 0.9) * startup.gpu.memory_gib - shown
    model = startup.facts
    heads = model.num_key_value_heads * model.head_dim
    per_token = 2 * model.num_hidden_layers * heads * SIXTEEN_BIT / _gpus(startup)
    tokens = max(0.0, pool) * GIB / per_token
    return Prediction(shown, tokens, tokens >= startup.serving.max_model_len)


def accelerate(startup: Startup) -> Prediction:
    """As `accelerate estimate-memory`: parameters x bytes, and a fifth more to run them."""
    model = startup.facts
    stored = catalog.memory().quantizations[model.quantization].linear_bytes(model.group_size)
    size = parameters.count(model).total * stored / GIB
    shown = size / _gpus(startup)
    return Prediction(shown, None, shown * 1.2 <= startup.gpu.memory_gib)


def always(startup: Startup) -> Prediction:
    """Report that everything fits, without a check."""
    return Prediction(float("nan"), None, True)


METHODS: dict[str, Method] = {
    "this estimate": ours,
    "documentation style": documentation,
    "accelerate estimate-memory": accelerate,
    'always "fits"': always,
}


def _checkpoint_gib(model: ModelFacts) -> float:
    return (model.checkpoint_bytes or weights.on_gpu(model) * GIB) / GIB


def _gpus(startup: Startup) -> int:
    return startup.serving.tensor_parallel * startup.serving.pipeline_parallel


def errors(startups: Iterable[Startup], method: Method) -> tuple[list[float], list[float]]:
    """Return a method's relative errors in percent: of weights, and of tokens."""
    of_weights: list[float] = []
    of_tokens: list[float] = []
    for startup in startups:
        found = method(startup)
        for errors, value, measured in (
            (of_weights, found.weights, startup.row["weights_gib"]),
            (of_tokens, found.tokens, startup.row["kv_tokens"]),
        ):
            if value == value and value is not None and measured and float(measured) > 0:
                errors.append(abs(value / float(measured) - 1) * 100)
    return of_weights, of_tokens


def decisions(startups: Iterable[Startup], method: Method) -> dict[str, list[str]]:
    """Return the ids of start-ups by decision: kept, refused, caught, missed."""
    by_decision: dict[str, list[str]] = {"kept": [], "refused": [], "caught": [], "missed": []}
    names = {
        (True, True): "kept",
        (True, False): "refused",
        (False, False): "caught",
        (False, True): "missed",
    }
    for startup in startups:
        by_decision[names[startup.started, method(startup).starts]].append(startup.row["id"])
    return by_decision


def p90(values: list[float]) -> float:
    """Return the value that nine in ten are not above, between the two nearest."""
    return statistics.quantiles(values, n=10, method="inclusive")[-1]


def _row(name: str, startups: list[Startup], method: Method) -> str:
    cells = []
    for values in errors(startups, method):
        cells.append(f"{statistics.median(values):.2f} / {p90(values):.1f}" if len(values) > 1 else "none")
    made = decisions(startups, method)
    bad, good = len(made["caught"]) + len(made["missed"]), len(made["kept"]) + len(made["refused"])
    right = 100 * (len(made["caught"]) + len(made["kept"])) / max(1, bad + good)
    caught = f"{len(made['caught'])} of {bad}"
    refused = f"{len(made['refused'])} of {good}"
    return f"{name:<27} {cells[0]:>14} {cells[1]:>16} {caught:>9} {refused:>9} {right:>7.0f} %"


def main(arguments: list[str]) -> None:
    """Print the table; with -v, each start-up too."""
    paths = [Path(argument) for argument in arguments if argument != "-v"]
    startups, unsized = read(paths[0] if paths else STARTUPS)
    if "-v" in arguments:
        for startup in startups:
            _print(startup)
    print(f"{len(startups)} start-ups; errors in percent, median / p90\n")
    print(f"{'':<27} {'weights':>14} {'KV tokens':>16} {'caught':>9} {'refused':>9} {'right':>9}")
    for name, method in METHODS.items():
        print(_row(name, startups, method))
    print("\ncaught: failed start-ups that were predicted; refused: working start-ups predicted to fail")
    made = decisions(startups, ours)
    print(f"missed: {', '.join(made['missed']) or 'none'}; refused: {', '.join(made['refused']) or 'none'}")
    if unsized:
        print(f"not sized: {'; '.join(unsized)}")


def _print(startup: Startup) -> None:
    found = memory.estimate(startup.facts, startup.gpu, startup.serving)
    row = startup.row
    columns = {"weights": "weights_gib", "activation": "act_gib", "runtime": "non_torch_gib"}
    columns |= {"graphs": "graph_gib", "pool": "kv_gib"}
    values = {**vars(found.fixed), "pool": found.pool.cache}
    parts = " ".join(f"{name} {values[name]:.2f}/{row[key] or '-'}" for name, key in columns.items())
    verdict = "ok" if found.starts() else f"lacks {found.lacking(1):.2f}"
    model = re.sub(r".*/", "", row["model"])[:28]
    print(
        f"{row['id']} {startup.facts.kind:<12} {model:<28} {parts} "
        f"tokens {found.tokens}/{row['kv_tokens'] or '-'} {row['outcome']} -> {verdict}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
