# Part of the library: `copier update` replaces this file.
"""The parts of the first step of a model: which columns they take, and where they put their output."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runtime import columns
from runtime.column import NUMBER, Column
from runtime.compiled import numbers
from runtime.compiled.categories import NotCompiled
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Leaf:
    """Steps on some columns. `output` is a slice of the output of the first step, None for all of it."""

    name: str
    steps: Sequence[Any]
    columns: list[str]
    output: slice | None

    @property
    def width(self) -> int:
        """The number of output columns, if they are a part of several."""
        return self.output.stop - self.output.start if self.output else 0

    def takes_categories(self, found: dict[str, Column]) -> bool:
        """Return True for columns whose values are known, for steps that encode them."""
        own = [found[name] for name in self.columns]
        encodes = any(hasattr(step, "categories_") for step in self.steps)
        is_text = any(column.type != NUMBER for column in own)
        return bool(own) and all(column.values is not None for column in own) and (encodes or is_text)


def of_steps(steps: Sequence[Any], names: list[str]) -> tuple[list[Leaf], list[Any], bool]:
    """Return the leaves of the first step, the steps after it, and whether its output is sparse.

    Without a ColumnTransformer as the first step, all steps are one leaf.
    """
    first = steps[0] if steps else None
    if not isinstance(first, ColumnTransformer):
        return [Leaf("the first step", used(steps), names, None)], [], False
    found = []
    for name, transformer, chosen in first.transformers_:
        own = columns.chosen(chosen, names)
        if not own or (isinstance(transformer, str) and transformer == "drop"):
            continue
        if isinstance(chosen, str):
            raise NotCompiled(f"{name} takes one column as a series")
        found.append(Leaf(name, used([transformer]), own, first.output_indices_[name]))
    return found, list(steps[1:]), bool(first.sparse_output_)


def used(steps: Sequence[Any]) -> list[Any]:
    """Return the steps that change their input."""
    return [step for step in flat(steps) if not numbers.is_identity(step)]


def flat(steps: Sequence[Any]) -> list[Any]:
    """Return steps, with those of a Pipeline in its place."""
    found: list[Any] = []
    for step in steps:
        found += flat([inner for _, inner in step.steps]) if isinstance(step, Pipeline) else [step]
    return found


def repeated(leaves: Sequence[Leaf]) -> set[str]:
    """Return the names of columns that several leaves take."""
    every = [name for leaf in leaves for name in leaf.columns]
    return {name for name in every if every.count(name) > 1}


def places(chosen: list[int], count: int) -> Any:
    """Return None for all of `count` places in order, a slice for places in a row, or the places."""
    if chosen == list(range(count)):
        return None
    if chosen and chosen == list(range(chosen[0], chosen[-1] + 1)):
        return slice(chosen[0], chosen[-1] + 1)
    return chosen
