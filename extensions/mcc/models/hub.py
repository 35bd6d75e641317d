"""Looks a model up on the Hugging Face Hub: its commit, its configuration and the size of its weights.

Four small GET requests at most, under one deadline, with nothing written to disk.
"""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

from ..errors import redaction
from ..errors.errors import HubError, HubErrorKind, InvalidAnswer

P = ParamSpec("P")
R = TypeVar("R")

ENDPOINT = "https://huggingface.co"
OFFLINE_SWITCHES = ("MCC_OFFLINE", "HF_HUB_OFFLINE")
LARGEST_BODY = 10_000_000  # bytes; the largest config.json in use is far below one million
CONFIG, TOKENIZER, INDEX = "config.json", "tokenizer_config.json", "model.safetensors.index.json"
CHAT_TEMPLATES = ("chat_template.jinja", "chat_template.json")
REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?")
COMMIT = re.compile(r"[0-9a-f]{40}")
TOKEN = re.compile(r"[\x21-\x7e]+")
RESET = re.compile(r";\s*t\s*=\s*([0-9]{1,6})")  # seconds, in a RateLimit header: "api";r=0;t=55
INSTALL = "Run `pip install --upgrade huggingface_hub` where copier is, or give offline=true."

# The names of exceptions of the library's HTTP client. That is httpx in 1.x and httpx2 in 2.x; both use these
# names, and only the library knows which one is installed.
TIMED_OUT, BAD_ADDRESS, NO_CONNECTION = "TimeoutException", "InvalidURL", "TransportError"
BAD_ANSWER = {"RemoteProtocolError", "TooManyRedirects", "DecodingError"}

# Bytes of one value of a tensor. Integers of up to 32 bits are left out on purpose: they are containers
# of packed weights, and of these the Hub counts the weights inside, not the values stored.
BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E8M0": 1,
    "I64": 8,
    "U64": 8,
    "BOOL": 1,
}


@dataclass(frozen=True)
class HubModel:
    """What the Hub says of one model at one commit.

    `config` is config.json as it is. `weights_bytes` is the size of the safetensors tensors, None when
    unknown. `parameters` maps a safetensors dtype to the Hub's count of parameters, {} when unknown.
    """

    name: str
    commit: str
    gated: bool
    config: dict[str, Any]
    weights_bytes: int | None
    parameters: dict[str, int]
    chat_template: bool


def offline(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether the environment forbids requests."""
    return any(
        environ.get(name, "").strip().lower() in ("1", "true", "yes", "on") for name in OFFLINE_SWITCHES
    )


def lookup(
    name: str,
    revision: str | None = "main",
    token: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    deadline: float = 5.0,
) -> HubModel:
    """Return what the Hub says of model `name` at the commit that `revision` is now.

    `token` goes before HF_TOKEN, and HF_ENDPOINT names the server. All requests together take at most
    `deadline` seconds. Raises InvalidAnswer for a name or revision that cannot exist, before any request,
    and HubError for everything that goes wrong after.
    """
    hub = _Hub(name, revision or "main", (token or environ.get("HF_TOKEN", "")).strip(), _endpoint(environ))
    end = time.monotonic() + deadline
    info = _in_time(end, hub, _start(hub.info, end))
    wanted = [file for file in (CONFIG, *info.optional_files()) if file in info.files]
    if CONFIG not in wanted:
        raise hub.without_config()
    answers = {file: _start(hub.file, file, info.commit, end) for file in wanted}
    content = {file: _in_time(end, hub, answer) for file, answer in answers.items()}
    return HubModel(
        name=name,
        commit=info.commit,
        gated=info.gated,
        config=content[CONFIG],
        weights_bytes=info.counted_bytes() or info.stored_bytes(content.get(INDEX)),
        parameters=info.parameters,
        chat_template=info.has_template_file() or bool(content.get(TOKENIZER, {}).get("chat_template")),
    )


def chat_template(
    name: str, token: str | None = None, *, environ: Mapping[str, str] = os.environ, deadline: float = 5.0
) -> str:
    """Return the chat template of a model's tokenizer, "" when it has none. Raises as `lookup` does."""
    hub = _Hub(name, "main", (token or environ.get("HF_TOKEN", "")).strip(), _endpoint(environ))
    end = time.monotonic() + deadline
    info = _in_time(end, hub, _start(hub.info, end))
    for file in (*CHAT_TEMPLATES, TOKENIZER):
        if file in info.files:
            found = _in_time(end, hub, _start(hub.template, file, info.commit, end))
            if found:
                return found
    return ""


@dataclass(frozen=True)
class _Info:
    """What the Hub's list says of a repository: `files` maps its files to bytes, None when unknown."""

    commit: str
    gated: bool
    files: dict[str, int | None]
    parameters: dict[str, int]

    def optional_files(self) -> list[str]:
        files = [] if self.has_template_file() else [TOKENIZER]
        return files if self.counted_bytes() else [*files, INDEX]

    def has_template_file(self) -> bool:
        return any(file in self.files for file in CHAT_TEMPLATES)

    def counted_bytes(self) -> int | None:
        """Return the bytes of all tensors by their counts, None when a dtype's size is unsure."""
        if not self.parameters or not self.parameters.keys() <= BYTES.keys():
            return None
        return sum(BYTES[dtype] * count for dtype, count in self.parameters.items())

    def stored_bytes(self, index: dict[str, Any] | None) -> int | None:
        """Return the bytes of the files that hold the weights (0.01 % above those of the tensors).

        The total in the index is the last resort: repositories quantized by a script often keep the total
        of the model they were made from.
        """
        shards, metadata = (index or {}).get("weight_map"), (index or {}).get("metadata")
        files = {str(file) for file in shards.values()} if isinstance(shards, dict) else self._single_file()
        sizes = [self.files.get(file) for file in files]
        known = [size for size in sizes if size]
        if known and len(known) == len(sizes):
            return sum(known)
        return _natural(metadata.get("total_size")) if isinstance(metadata, dict) else None

    def _single_file(self) -> set[str]:
        files = {file for file in self.files if file.endswith(".safetensors") and "/" not in file}
        usual = files & {"model.safetensors"}
        return usual or (files if len(files) == 1 else set())


class _Hub:
    """The requests of one lookup, and what to say when they fail."""

    def __init__(self, name: str, revision: str, token: str, endpoint: str) -> None:
        check_name(name)
        if not REVISION.fullmatch(revision):
            raise InvalidAnswer(
                f"model_revision: {redaction.shown(revision)} is not a branch, tag or commit. Example: main"
            )
        self.name, self.revision, self.endpoint = name, revision, endpoint
        self.token = token
        self.host = urlsplit(endpoint).netloc.rpartition("@")[2]
        if token and not TOKEN.fullmatch(token):
            raise self._error(
                "unauthorized",
                "nothing was asked: the Hugging Face token has a character no token has",
                "Copy it again into HF_TOKEN",
            )

    def info(self, end: float) -> _Info:
        """Return what the Hub lists for the model. Raises HubError."""
        path = f"api/models/{self.name}/revision/{quote(self.revision, safe='')}?blobs=true"
        data = self._get(path, "model info", end)
        commit, siblings = data.get("sha"), data.get("siblings")
        safetensors = data.get("safetensors")
        counts = safetensors.get("parameters") if isinstance(safetensors, dict) else None
        if not (isinstance(commit, str) and COMMIT.fullmatch(commit) and isinstance(siblings, list)):
            raise self._malformed("model info", "it names no commit or no files")
        return _Info(
            commit,
            data.get("gated") not in (None, False),
            {
                file["rfilename"]: _natural(file.get("size"))
                for file in siblings
                if isinstance(file, dict) and isinstance(file.get("rfilename"), str)
            },
            _counts(counts) if isinstance(counts, dict) else {},
        )

    def file(self, file: str, commit: str, end: float) -> dict[str, Any]:
        """Return a JSON file of the model at `commit`. Raises HubError."""
        return self._get(f"{self.name}/resolve/{commit}/{file}", file, end)

    def template(self, file: str, commit: str, end: float) -> str:
        """Return the chat template in a file of the model at `commit`. Raises HubError."""
        path = f"{self.name}/resolve/{commit}/{file}"
        if not file.endswith(".json"):
            return self._body(path, file, end).decode("utf-8", "replace")
        found = self._get(path, file, end).get("chat_template")
        if isinstance(found, list):  # several with names
            named = {item.get("name"): item.get("template") for item in found if isinstance(item, dict)}
            found = named.get("default")
        return found if isinstance(found, str) else ""

    def timed_out(self) -> HubError:
        return self._error("timeout", "no complete answer in time", "Try again, or give offline=true")

    def without_config(self) -> HubError:
        return self._error(
            "not found",
            f"the repository has no {CONFIG} at {self.revision}",
            "Choose one in the transformers format, not of GGUF or adapter files only",
        )

    def _get(self, path: str, what: str, end: float) -> dict[str, Any]:
        """Return the JSON object at `path`."""
        try:
            data = json.loads(self._body(path, what, end))
        except (ValueError, RecursionError):
            raise self._malformed(what, "it is not JSON") from None
        if not isinstance(data, dict):
            raise self._malformed(what, "it is not a JSON object")
        return data

    def _body(self, path: str, what: str, end: float) -> bytes:
        """Return what is at `path`, read no further than LARGEST_BODY bytes."""
        headers = {"User-Agent": "ml-container-creator"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = bytearray()
        try:
            left = max(end - time.monotonic(), 0.001)
            # The client drops the Authorization header when a redirect leaves the origin.
            with _session().stream(
                "GET", f"{self.endpoint}/{path}", headers=headers, timeout=left
            ) as response:
                if not response.is_success:
                    raise self._refusal(response.status_code, response.headers, what)
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > LARGEST_BODY:
                        raise self._malformed(what, f"it is over {LARGEST_BODY // 10**6} MB")
                    if time.monotonic() > end:  # nobody waits any more: end this thread too
                        raise self.timed_out()
        except HubError:
            raise
        except Exception as error:
            failure = self._failure(error, what)
            if failure is None:
                raise
            raise failure from None
        return bytes(body)

    def _failure(self, error: Exception, what: str) -> HubError | None:
        """Return the error for a request without a usable answer, None when it is not one of a request."""
        names = {base.__name__ for base in type(error).__mro__}
        if TIMED_OUT in names:
            return self.timed_out()
        if BAD_ANSWER & names:
            return self._malformed(what, _one_line(error))
        if NO_CONNECTION in names or isinstance(error, OSError):
            return self._unreachable(_one_line(error))
        if BAD_ADDRESS in names or isinstance(error, ValueError):
            # Its text may hold the address of a proxy with a password.
            return self._unreachable(f"an address is not one ({type(error).__name__})")
        return None

    def _refusal(self, status: int, headers: Mapping[str, str], what: str) -> HubError:
        """Return the error for an answer that is no success, by the Hub's X-Error-Code or the status."""
        code = headers.get("X-Error-Code", "")
        seen = f"HTTP {status} for {what}"
        if code == "GatedRepo":
            return self._gated(seen)
        if code == "RevisionNotFound":
            return self._error(
                "not found",
                f"there is no revision {self.revision!r} ({seen})",
                "Give model_revision a branch, tag or commit of it",
            )
        if code == "EntryNotFound" and what == CONFIG:
            return self.without_config()
        if status == 404 or code == "RepoNotFound":
            sent = "the token sent may not read it" if self.token else "no token was sent"
            return self._error(
                "not found",
                f"no such model, or a private one and {sent} ({seen})",
                "Check the spelling, or set HF_TOKEN to a token that may read it",
            )
        if status in (401, 403):
            sent = "the token was refused" if self.token else "it wants a token"
            return self._error(
                "unauthorized", f"{sent} ({seen})", "Set HF_TOKEN to a valid token that may read the model"
            )
        if status == 429:
            wait, limit = headers.get("Retry-After", ""), RESET.search(headers.get("RateLimit", ""))
            seconds = wait if re.fullmatch("[0-9]{1,6}", wait) else limit[1] if limit else ""
            when = f"in {seconds} s" if seconds else "in some minutes"
            more = "" if self.token else ", or set HF_TOKEN for a higher limit"
            return self._error("rate limited", f"too many requests ({seen})", f"Try again {when}{more}")
        return self._error(
            "server error", f"the server failed ({seen})", "Try again later, or give offline=true"
        )

    def _gated(self, seen: str) -> HubError:
        page = f"{urlsplit(self.endpoint).scheme}://{self.host}/{self.name}"
        if self.token:
            problem, then = "the token's account has no access", "then try again"
        else:
            problem, then = "no token was sent", "then set HF_TOKEN to a token of that account"
        return self._error(
            "gated", f"the model is gated and {problem} ({seen})", f"Accept its licence at {page}, {then}"
        )

    def _malformed(self, what: str, why: str) -> HubError:
        return self._error(
            "malformed",
            f"the answer for {what} cannot be used: {why}",
            "Try again, or give another model_revision",
        )

    def _unreachable(self, seen: str) -> HubError:
        return self._error(
            "unreachable",
            f"no connection ({seen})",
            "Check the network and HF_ENDPOINT, or give offline=true",
        )

    def _error(self, kind: HubErrorKind, seen: str, advice: str) -> HubError:
        return HubError(kind, f"model_name: {self.name} at {self.host}: {seen}. {advice}.")


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


def _session() -> Any:
    """Return the library's HTTP client. Raises HubError when the library is missing, broken or too old."""
    try:
        from huggingface_hub import __version__
        from huggingface_hub.utils import get_session

        session = get_session()
    except ImportError as error:
        raise _unusable(error) from None
    if not callable(getattr(session, "stream", None)):  # before 1.0 it was one of requests
        problem = f"huggingface_hub {__version__} is too old, 1.0 is needed"
        raise HubError("unreachable", f"model_name: cannot be looked up: {problem}. {INSTALL}")
    return session


def _unusable(error: ImportError) -> HubError:
    missing = (error.name or "").partition(".")[0]
    seen = "is not installed" if missing == "huggingface_hub" else f"cannot be loaded: {_one_line(error)}"
    return HubError("unreachable", f"model_name: cannot be looked up: huggingface_hub {seen}. {INSTALL}")


def _endpoint(environ: Mapping[str, str]) -> str:
    endpoint = (environ.get("HF_ENDPOINT") or ENDPOINT).strip().rstrip("/")
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise HubError("unreachable", f"HF_ENDPOINT is not the address of a server. Example: {ENDPOINT}")
    return endpoint


def _start(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
    """Run a function in a thread that the end of the process does not wait for, as an executor's would."""
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def _in_time(end: float, hub: _Hub, future: Future[R]) -> R:
    """Wait until `end`: the client's time-outs bound neither name resolution nor a header that drips."""
    try:
        return future.result(max(end - time.monotonic(), 0))
    except TimeoutError:
        raise hub.timed_out() from None


def _counts(parameters: dict[Any, Any]) -> dict[str, int]:
    """Return the counts, {} when one of them is none: a part of them would be a wrong sum."""
    counts = {str(dtype): _natural(count) for dtype, count in parameters.items()}
    known = {dtype: count for dtype, count in counts.items() if count is not None}
    return known if len(known) == len(counts) else {}


def _natural(value: object) -> int | None:
    """Return a whole number as it is; some writers of an index put 1.5e10."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
