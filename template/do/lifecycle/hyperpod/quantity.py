# Part of the library: `copier update` replaces this file.
"""Quantities of CPUs, memory and GPUs in the format of Kubernetes."""

from typing import Any

FACTORS = {
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def number(quantity: Any) -> float:
    """Return a quantity as a number: CPUs, bytes or devices."""
    text = str(quantity)
    suffix = text.lstrip("0123456789.")
    return float(text.removesuffix(suffix)) * FACTORS[suffix] if suffix in FACTORS else float(text)


def shown(resource: str, amount: float) -> str:
    """Return an amount of a resource as text."""
    if resource in ("memory", "ephemeral-storage"):
        return f"{amount / 2**30:.1f} GiB {resource}"
    return f"{amount:g} {resource}"
