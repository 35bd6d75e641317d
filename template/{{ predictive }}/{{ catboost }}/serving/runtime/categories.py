# Part of the library: `copier update` replaces this file.
"""Columns of categories and of text that a CatBoost model was trained with."""

from collections.abc import Collection
from typing import Any

from runtime.column import CATEGORY, NUMBER, STRING, Column
from runtime.tables import Table


def of_model(model: Any) -> Table | None:
    """Return the reader of a model with columns of categories or text, None for others.

    The file has no list of the categories. CatBoost accepts any.
    """
    categories, texts = model.get_cat_feature_indices(), model.get_text_feature_indices()
    if not categories and not texts:
        return None
    return Table(
        [_column(at, name, categories, texts) for at, name in enumerate(model.feature_names_)], False
    )


def _column(at: int, name: str, categories: Collection[int], texts: Collection[int]) -> Column:
    if at in categories:
        return Column(name, CATEGORY, nullable=False, as_given=True, example="a")
    if at in texts:
        return Column(name, STRING, nullable=False, example="text")
    return Column(name, NUMBER, missing=float("nan"))
