"""The opcodes of pickles, by what they do, and descriptions of the objects that they create."""

from dataclasses import dataclass
from typing import Any

SIZED = {  # opcode -> bytes of its number, or of the length before its data, and what it is
    b"K": (1, "number"),
    b"M": (2, "number"),
    b"J": (4, "number"),
    b"G": (8, "float"),
    b"\x8a": (1, "long"),
    b"\x8b": (4, "long"),
    b"\x8c": (1, "text"),
    b"X": (4, "text"),
    b"\x8d": (8, "text"),
    b"U": (1, "string"),
    b"T": (4, "string"),
    b"C": (1, "bytes"),
    b"B": (4, "bytes"),
    b"\x8e": (8, "bytes"),
    b"\x96": (8, "bytes"),
}
CONSTANTS: dict[bytes, Any] = {
    b"N": lambda: None,
    b"\x88": lambda: True,
    b"\x89": lambda: False,
    b")": tuple,
    b"]": list,
    b"}": dict,
    b"\x8f": list,
}
# opcode -> bytes of the place, and whether it stores there or fetches
MEMO = {
    b"\x94": (0, True),
    b"q": (1, True),
    b"r": (4, True),
    b"p": (0, True),
    b"h": (1, False),
    b"j": (4, False),
    b"g": (0, False),
}
LINES = (b"c", b"i", b"I", b"L", b"F", b"S", b"V", b"P")
CONTAINERS = (b"t", b"l", b"d", b"e", b"a", b"u", b"s", b"\x85", b"\x86", b"\x87", b"\x90", b"\x91")
CALLS = (b"\x93", b"o", b"b", b"R", b"\x81", b"\x92")

BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


@dataclass(frozen=True)
class Global:
    """A class or function that a pickle names."""

    module: str
    name: str


RANDOM_GENERATORS = (
    Global("numpy.random._pickle", "__randomstate_ctor"),
    Global("numpy.random._pickle", "__generator_ctor"),
)


@dataclass
class Node:
    """An object that a pickle would create by calling `made_by`, and its state."""

    made_by: Any
    arguments: Any
    state: Any = None


def oldest_numpy(part: Any) -> tuple[int, ...]:
    """Return the oldest numpy that reads a part of a pickle, () if any does.

    2.0 pickles the classes of bit generators, 1.24 changed the arguments of random generators.
    """
    if isinstance(part, Global):
        if part.module.startswith("numpy.random._") and part.name in BIT_GENERATORS:
            return (2,)
        return (1, 26) if part.module.startswith("numpy._core") else ()
    arguments = part.arguments if isinstance(part, Node) and part.made_by in RANDOM_GENERATORS else None
    return (1, 24) if isinstance(arguments, tuple) and len(arguments) == 2 else ()


def unescaped(text: str) -> str:
    """Return a text of protocol 0, which has its characters as escapes."""
    try:
        return text.encode("latin-1").decode("raw-unicode-escape")
    except UnicodeError:
        return text


def root_class(value: Any) -> str:
    """Return the class of an unpickled value: its own, or the type of a container."""
    while isinstance(value, Node):
        first = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else None
        # Objects of old protocols are made by a function of copyreg, which is given their class.
        rebuilt = isinstance(value.made_by, Global) and value.made_by.module in ("copyreg", "copy_reg")
        value = first if rebuilt and isinstance(first, Global) else value.made_by
    if isinstance(value, Global):
        return f"{value.module}.{value.name}"
    return type(value).__name__
