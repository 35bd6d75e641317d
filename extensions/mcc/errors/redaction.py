"""Redact tokens and passwords in values that messages show."""

import re

LONGEST = 60  # characters
HIDDEN = "***"
GIVEN = "what was given"
TOKEN = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}"
    r"|\b(AKIA|ASIA)[A-Z0-9]{16}"
    r"|\bsk-([a-z]+-)*[A-Za-z0-9_]{20,}"
    r"|\bgh[a-z]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bxox[a-z]-[A-Za-z0-9-]{10,}|\bAIza[A-Za-z0-9_-]{30,}|\bdapi[0-9a-f]{32}|\bpypi-[A-Za-z0-9_-]{16,}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(\.[A-Za-z0-9_-]*)?"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*",
    re.DOTALL,
)
HUGGING_FACE = re.compile(r"\bhf_(?!tok)[A-Za-z0-9]{3,}")  # too short for a token: not shown, and not refused
IN_ADDRESS = re.compile(r"(?<=://)[^\s/@\"']+@|(?<![\w.:/-])[^\s/@:\"']+:[^\s/@:\"']+@(?!sha256:)")
NAMED = re.compile(
    r"((?:token|secret|passwo?r?d|credentials?|authorization|api[-_]?key|access[-_]?key)"
    r"[\w.-]*[\"']?\s*[=: ]\s*[\"']?(?:bearer\s+|basic\s+)?)[^\s\"',}]+",
    re.IGNORECASE,
)
RANDOM = re.compile(
    r"(?<![\w/+])(?=[^\W_a-z]*[a-z])(?=[a-z0-9/+]*[A-Z])(?=[A-Za-z/+]*[0-9])[A-Za-z0-9/+]{32,}={0,2}(?![\w/+])"
)


def masked(text: str) -> str:
    """Return a text with everything in it that looks like a token or a password replaced by ***."""
    text = IN_ADDRESS.sub(f"{HIDDEN}@", HUGGING_FACE.sub(HIDDEN, TOKEN.sub(HIDDEN, text)))
    return RANDOM.sub(HIDDEN, NAMED.sub(rf"\g<1>{HIDDEN}", text))


def shown(value: object) -> str:
    """Return a value as a message shows it: masked, and cut where it is long."""
    try:
        text = masked(repr(value)[: 100 * LONGEST])
    except RecursionError:
        return "a value that is nested too deeply"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]}…'"


def holds_secret(text: str) -> bool:
    """Return whether a text holds a token, or an address with a password in it."""
    return bool(TOKEN.search(text) or re.search(r"://[^\s/@]+@", text))


def kind(value: object) -> str:
    """Return the kind of a value, for a message that must not show it."""
    names = {"str": "a text", "list": "a list", "dict": "a mapping", "int": "a number", "float": "a number"}
    return "empty" if value is None else names.get(type(value).__name__, f"a {type(value).__name__}")
