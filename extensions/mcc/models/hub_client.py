"""The requests of one lookup on the Hugging Face Hub, and the messages of their failures."""

import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ..errors import redaction
from ..errors.errors import HubError, HubErrorKind, InvalidAnswer, MccError
from .hub_library import check_name, one_line, session
from .hub_listing import CONFIG, Listing, counts, natural

LARGEST_BODY = 10_000_000  # bytes; the largest config.json in use is far below one million
REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
COMMIT = re.compile(r"[0-9a-f]{40}")
TOKEN = re.compile(r"[\x21-\x7e]+")
RESET = re.compile(r";\s*t\s*=\s*([0-9]{1,6})")  # seconds, in a RateLimit header: "api";r=0;t=55
# The names of exceptions of the library's HTTP client. That is httpx in 1.x and httpx2 in 2.x; both use these
# names, and only the library can name the installed one.
TIMED_OUT, BAD_ADDRESS, NO_CONNECTION = "TimeoutException", "InvalidURL", "TransportError"
BAD_ANSWER = {"RemoteProtocolError", "TooManyRedirects", "DecodingError"}


class HubClient:
    """The requests of one lookup, and the messages of their failures."""

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

    def info(self, end: float) -> Listing:
        """Return the Hub's listing of the model. Raise HubError if it fails."""
        path = f"api/models/{self.name}/revision/{quote(self.revision, safe='')}?blobs=true"
        data = self._get(path, "model info", end)
        commit, siblings = data.get("sha"), data.get("siblings")
        safetensors = data.get("safetensors")
        counted = safetensors.get("parameters") if isinstance(safetensors, dict) else None
        if not (isinstance(commit, str) and COMMIT.fullmatch(commit) and isinstance(siblings, list)):
            raise self._malformed("model info", "it names no commit or no files")
        return Listing(
            commit,
            data.get("gated") not in (None, False),
            {
                file["rfilename"]: natural(file.get("size"))
                for file in siblings
                if isinstance(file, dict) and isinstance(file.get("rfilename"), str)
            },
            counts(counted) if isinstance(counted, dict) else {},
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

    def not_a_model(self, files: Iterable[str]) -> MccError:
        """Return the error for a repository without a config.json, by the files that it has."""
        names = list(files)
        if any(name.rpartition("/")[2] == "adapter_config.json" for name in names):
            return InvalidAnswer(
                f"model_name: {self.name} is an adapter (LoRA), not a model. Give the model that it was "
                "trained from, which its adapter_config.json names, or merge both and give the result."
            )
        if any(name.endswith(".gguf") for name in names):
            return InvalidAnswer(
                f"model_name: {self.name} has GGUF files only, which newer inference servers do not load. "
                "Give the repository with safetensors files that it was made from, or an AWQ version of it."
            )
        return self.without_config()

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
        """Return the content at `path`, up to LARGEST_BODY bytes."""
        headers = {"User-Agent": "ml-container-creator"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = bytearray()
        try:
            left = max(end - time.monotonic(), 0.001)
            # The client drops the Authorization header when a redirect leaves the origin.
            with session().stream(
                "GET", f"{self.endpoint}/{path}", headers=headers, timeout=left
            ) as response:
                if not response.is_success:
                    raise self._refusal(response.status_code, response.headers, what)
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > LARGEST_BODY:
                        raise self._malformed(what, f"it is over {LARGEST_BODY // 10**6} MB")
                    if time.monotonic() > end:  # no caller waits any longer: end this thread too
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
            return self._malformed(what, one_line(error))
        if NO_CONNECTION in names or isinstance(error, OSError):
            return self._unreachable(one_line(error))
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
            "gated", f"the model is gated and {problem} ({seen})", f"Accept its license at {page}, {then}"
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
