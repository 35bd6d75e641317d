# Part of the library: `copier update` replaces this file.
"""The data of the sample model, and how good its predictions are."""

import csv
import gzip
from pathlib import Path

import numpy as np

SEXES = ("M", "F", "I")


def read_abalones() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows and rings to train with, then rows and rings that the model does not see.

    A row is the sex and seven measurements of a shellfish; its rings tell its age. Nash, Sellers, Talbot,
    Cawthorn and Ford (1994), UCI Machine Learning Repository, doi:10.24432/C55C7W, CC BY 4.0.
    """
    with gzip.open(Path(__file__).resolve().with_name("abalone.csv.gz"), "rt", newline="") as file:
        _header, *lines = csv.reader(file)
    table = np.array([[SEXES.index(sex), *map(float, numbers)] for sex, *numbers in lines])
    rows, rings = table[:, :-1], table[:, -1]
    unseen = np.arange(len(rows)) % 5 == 0
    print(f"training on {sum(~unseen)} abalones ...", flush=True)
    return rows[~unseen], rings[~unseen], rows[unseen], rings[unseen]


def report(predictions: np.ndarray, unseen_rings: np.ndarray, rings: np.ndarray) -> None:
    """Print the mean error on unseen rows, beside that of a guess: the median of the `rings` trained with."""
    error = np.abs(predictions - unseen_rings).mean()
    baseline = np.abs(np.median(rings) - unseen_rings).mean()
    rows = len(unseen_rings)
    print(f"mean error on {rows} unseen abalones: {error:.2f} rings (the median: {baseline:.2f})")
