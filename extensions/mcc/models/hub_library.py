"""The check of names and the HTTP client of the huggingface_hub library, which is loaded when needed."""

import re
from typing import Any

from ..errors import redaction
from ..errors.errors import HubError, InvalidAnswer

NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?")
INSTALL = "Run `pip install --upgrade huggingface_hub` where copier is, or give offline=true."


def check_name(name: str) -> None:
    """Refuse a name that no model on the Hub can have. Raises InvalidAnswer."""
    try:
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import validate_repo_id
    except ImportError as error:
        raise _unusable(error) from None
    try:
        if not NAME.fullmatch(name):  # older versions of the library accept letters of every script
            raise HFValidationError
        validate_repo_id(name)
    except HFValidationError:
        raise InvalidAnswer(
            f"model_name: {redaction.shown(name)} is not namespace/name as on the Hugging Face Hub "
            "(letters, digits, '-', '_' and '.', at most 96 each). Example: Qwen/Qwen3-8B"
        ) from None


def session() -> Any:
    """Return the library's HTTP client. Raises HubError when the library is missing, broken or too old."""
    try:
        from huggingface_hub import __version__
        from huggingface_hub.utils import get_session

        found = get_session()
    except ImportError as error:
        raise _unusable(error) from None
    if not callable(getattr(found, "stream", None)):  # before 1.0 it was one of requests
        problem = f"huggingface_hub {__version__} is too old, 1.0 is needed"
        raise HubError("unreachable", f"model_name: cannot be looked up: {problem}. {INSTALL}")
    return found


def _unusable(error: ImportError) -> HubError:
    missing = (error.name or "").partition(".")[0]
    seen = "is not installed" if missing == "huggingface_hub" else f"cannot be loaded: {one_line(error)}"
    return HubError("unreachable", f"model_name: cannot be looked up: huggingface_hub {seen}. {INSTALL}")


def one_line(error: Exception) -> str:
    """Return the text of an error for use in a message: one line, cut where it is long."""
    return " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
