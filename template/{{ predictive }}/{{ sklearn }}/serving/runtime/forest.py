# Part of the library: `copier update` replaces this file.
"""Random forests: the same predictions as those of scikit-learn, 10 to 200 times faster."""

import logging
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn import ensemble

try:
    from sklearn.ensemble._gradient_boosting import predict_stages
    from sklearn.tree._tree import Tree
except Exception:  # private modules: any release can move them or raise other errors
    predict_stages = Tree = None

CLASSIFIERS = (ensemble.RandomForestClassifier, ensemble.ExtraTreesClassifier)
REGRESSORS = (ensemble.RandomForestRegressor, ensemble.ExtraTreesRegressor)
FEW_ROWS = 24
BLOCK_ROWS = 1024
PROBE_ROWS = 64

log = logging.getLogger("serving")


def fast_predict(model: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return a faster `model.predict`, or None if there is none or its results differ on a probe."""
    if type(model) not in CLASSIFIERS + REGRESSORS or model.n_outputs_ != 1:
        return None
    if Tree is None:
        log.warning("serving with model.predict: the fast path does not support this release of scikit-learn")
        return None
    try:
        forest = Forest(model)
        probe = forest.probe()
        expected = model.predict(probe)
        equal = partial(np.allclose, rtol=1e-12) if forest.classes is None else np.array_equal
        same = all(equal(forest.predict(probe[:n]), expected[:n]) for n in (FEW_ROWS, PROBE_ROWS))
    except Exception as error:
        log.warning("serving with model.predict: the fast path failed on this model (%s)", error)
        return None
    return forest.predict if same else None


class Forest:
    """The trees of a forest: separate for many rows, joined into a single tree for few rows.

    A call into scikit-learn costs more than one row in one tree. The joined tree therefore starts with a
    balanced selector on an additional feature, the number of the tree. One call, with the row repeated for
    each tree, evaluates all trees.
    """

    def __init__(self, model: Any) -> None:
        self.trees = [estimator.tree_ for estimator in model.estimators_]
        self.count = len(self.trees)
        self.features = model.n_features_in_
        self.classes = model.classes_ if isinstance(model, CLASSIFIERS) else None
        self.values = [self._leaf_values(tree) for tree in self.trees]
        self.joined = self._join()
        selectors = np.zeros((self.count - 1, self.values[0].shape[1]))
        self.joined_values = np.concatenate([selectors, *self.values])
        self.repeated = np.empty((1, self.count, self.features + 1), np.float32)
        self.repeated[:, :, -1] = np.arange(self.count)
        self.stages = np.array([[SimpleNamespace(tree_=lean_left(tree))] for tree in self.trees])

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the predictions of `model.predict` for `rows` of shape (rows, features)."""
        total = self._few(rows) if len(rows) <= FEW_ROWS else self._many(rows)
        if self.classes is None:
            return total[:, 0] / self.count
        return self.classes.take(total.argmax(axis=1))

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Return the probabilities of `model.predict_proba` for `rows` of shape (rows, features)."""
        return (self._few(rows) if len(rows) <= FEW_ROWS else self._many(rows)) / self.count

    def probe(self) -> np.ndarray:
        """Return rows with values at the thresholds of the forest, where errors would be visible."""
        random = np.random.default_rng(0)
        rows = random.normal(size=(PROBE_ROWS, self.features))
        for feature in range(self.features):
            thresholds = np.concatenate([tree.threshold[tree.feature == feature] for tree in self.trees])
            finite = thresholds[np.isfinite(thresholds)]
            if finite.size:
                rows[:, feature] = random.choice(finite, PROBE_ROWS)
        return rows

    def _few(self, rows: np.ndarray) -> np.ndarray:
        repeated = self.repeated.repeat(len(rows), axis=0)
        repeated[:, :, :-1] = rows[:, None, :]
        leaves = self.joined.apply(repeated.reshape(-1, self.features + 1))
        values = self.joined_values.take(leaves, axis=0).reshape(len(rows), self.count, -1)
        return np.add.reduce(values, axis=1)

    def _many(self, rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(np.float32)
        # Rows that share a leaf of one tree follow similar paths in the others. Sorted rows therefore
        # take the same branches, which the processor can predict.
        order = np.argsort(self.trees[0].apply(rows))
        rows = rows.take(order, axis=0)
        total = np.zeros((len(rows), self.values[0].shape[1]))
        if self.classes is None and not np.isnan(rows).any():
            self._add_up(rows, total)
        else:
            for tree, values in zip(self.trees, self.values, strict=True):
                total += values.take(tree.apply(rows), axis=0)
        result = np.empty_like(total)
        result[order] = total
        return result

    def _add_up(self, rows: np.ndarray, total: np.ndarray) -> None:
        """Add the values of each tree to `total`. The loop of gradient boosting is fast but rejects NaN."""
        mirrored = np.concatenate([rows, -rows], axis=1)
        for first in range(0, len(rows), BLOCK_ROWS):  # other threads can run between blocks
            block = slice(first, first + BLOCK_ROWS)
            predict_stages(self.stages, mirrored[block], 1.0, total[block])

    def _leaf_values(self, tree: Tree) -> np.ndarray:
        values = tree.value[:, 0, :]
        if self.classes is None:
            return values.copy()
        totals = values.sum(axis=1, keepdims=True)
        # Since scikit-learn 1.3, these are shares. To divide them again could decide ties another way.
        return values.copy() if np.allclose(totals, 1.0) else values / totals

    def _join(self) -> Tree:
        states = [tree.__getstate__() for tree in self.trees]
        starts = self.count - 1 + np.cumsum([0] + [tree.node_count for tree in self.trees])
        selectors = np.zeros(self.count - 1, dtype=states[0]["nodes"].dtype)
        unused = iter(range(self.count - 1))

        def select(first: int, last: int) -> int:
            """Fill in the selector of trees `first` to `last` - 1 and return the number of its node."""
            if last - first == 1:
                return starts[first]
            node, middle = next(unused), (first + last) // 2
            selectors[node]["feature"] = self.features
            selectors[node]["threshold"] = middle - 0.5
            selectors[node]["left_child"] = select(first, middle)
            selectors[node]["right_child"] = select(middle, last)
            return node

        select(0, self.count)
        joined = np.empty(starts[-1], dtype=selectors.dtype)
        joined[: len(selectors)] = selectors
        for state, start, end in zip(states, starts[:-1], starts[1:], strict=True):
            moved = joined[start:end]
            moved[:] = state["nodes"]
            for child in ("left_child", "right_child"):
                np.add(moved[child], start, out=moved[child], where=moved[child] >= 0)
        tree = Tree(self.features + 1, np.array([1], dtype=np.intp), 1)
        depth = max(tree.max_depth for tree in self.trees) + self.count
        values = np.zeros((len(joined), 1, 1))
        tree.__setstate__({"max_depth": depth, "node_count": len(joined), "nodes": joined, "values": values})
        return tree


def lean_left(tree: Tree) -> Tree:
    """Return `tree` for rows followed by their negatives, with the more frequent child always on the left.

    The processor predicts branches better if most rows go the same way. To swap the children of a node, its
    condition x <= threshold becomes -x < -threshold.
    """
    state = tree.__getstate__()
    nodes = state["nodes"].copy()
    left, right, samples = nodes["left_child"], nodes["right_child"], nodes["weighted_n_node_samples"]
    turned = np.flatnonzero((left >= 0) & (samples[left] < samples[right]))
    left[turned], right[turned] = right[turned], left[turned]
    nodes["feature"][turned] += tree.n_features
    nodes["threshold"][turned] = np.nextafter(-nodes["threshold"][turned], -np.inf)
    leaning = Tree(2 * tree.n_features, tree.n_classes, tree.n_outputs)
    leaning.__setstate__({**state, "nodes": nodes})
    return leaning
