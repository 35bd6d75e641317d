# Part of the library: `copier update` replaces this file.
"""Histogram gradient boosting: the trees joined into one, as in forest.py, with sums in the same order."""

import copy
from typing import Any

import numpy as np

FEW_ROWS = 8


def lean(model: Any) -> Any:
    """Return a copy of a model that computes the same with less Python code.

    The copy keeps the methods of scikit-learn for labels and probabilities. Its private method for the sum of
    the trees, which they call, is replaced; a release without that method is as fast as before.
    """
    found = copy.copy(model)
    found._raw_predict = Boosting(model).raw
    return found


class Boosting:
    """The trees of a model: separate for many rows, joined into a single tree for few rows."""

    def __init__(self, model: Any) -> None:
        self.trees = [tree for iteration in model._predictors for tree in iteration]
        self.classes = len(model._predictors[0])
        self.baseline = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(1, -1)
        self.known, self.places = model._bin_mapper.make_known_categories_bitsets()
        self.features = len(self.places)
        self.count = len(self.trees)
        self.joined = self._join()
        self.joined_places = np.append(self.places, self.places.dtype.type(0))
        self.numbers = np.arange(self.count, dtype=np.float64)

    def raw(self, rows: np.ndarray, n_threads: int | None = None) -> np.ndarray:
        """Return the sums of the trees for rows of shape (rows, features), of shape (rows, classes)."""
        if len(rows) > FEW_ROWS:
            total = np.zeros((len(rows), self.classes), order="F")
            total += self.baseline
            for number, tree in enumerate(self.trees):
                total[:, number % self.classes] += tree.predict(rows, self.known, self.places, n_threads or 1)
            return total
        repeated = np.empty((len(rows), self.count, self.features + 1))
        repeated[:, :, :-1] = rows[:, None, :]
        repeated[:, :, -1] = self.numbers
        flat = repeated.reshape(-1, self.features + 1)
        leaves = self.joined.predict(flat, self.known, self.joined_places, 1)
        values = leaves.reshape(len(rows), -1, self.classes)
        values[:, 0] += self.baseline
        # One after the other, as in scikit-learn: sum() adds in another order, so labels could differ.
        return np.add.accumulate(values, axis=1)[:, -1]

    def thresholds(self) -> dict[int, np.ndarray]:
        """Return the thresholds of each feature."""
        nodes = np.concatenate([tree.nodes for tree in self.trees])
        splits = nodes[(nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)]
        return {f: splits["num_threshold"][splits["feature_idx"] == f] for f in range(self.features)}

    def _join(self) -> Any:
        selectors = np.zeros(self.count - 1, dtype=self.trees[0].nodes.dtype)
        starts = self.count - 1 + np.cumsum([0] + [len(tree.nodes) for tree in self.trees])
        unused = iter(range(self.count - 1))

        def select(first: int, last: int) -> int:
            """Fill in the selector of trees `first` to `last` - 1 and return the number of its node."""
            if last - first == 1:
                return int(starts[first])
            node, middle = next(unused), (first + last) // 2
            selectors[node]["feature_idx"] = self.features
            selectors[node]["num_threshold"] = middle - 0.5
            selectors[node]["left"] = select(first, middle)
            selectors[node]["right"] = select(middle, last)
            return node

        select(0, self.count)
        nodes, bitsets, before = [selectors], [], 0
        for tree, start in zip(self.trees, starts, strict=False):
            moved = tree.nodes.copy()
            for child in ("left", "right"):
                moved[child] += np.uint32(start)  # a leaf has no child, and its numbers are not read
            moved["bitset_idx"] += np.uint32(before)
            before += len(tree.raw_left_cat_bitsets)
            nodes.append(moved)
            bitsets.append(tree.raw_left_cat_bitsets)
        sets = np.concatenate(bitsets)
        return type(self.trees[0])(np.concatenate(nodes), sets, sets)
