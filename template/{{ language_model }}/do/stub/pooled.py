# Part of the library: `copier update` replaces this file.
"""The replies of the stub in the format of the inference server: vectors, scores and classes.

Texts that share words have similar vectors.
"""

import base64
import math
import struct
import time
import uuid
import zlib
from typing import Any

KINDS = ("embedding", "reranking", "classification")
DIMENSIONS = 64
LABELS = ("LABEL_0", "LABEL_1")


def fits(kind: str, request: dict[str, Any]) -> bool:
    """Return True if a request is of a kind."""
    if kind == "reranking":
        return is_pair(request, "query", "documents") or is_pair(request, "text_1", "text_2")
    return bool(texts(request.get("input")))


def is_pair(request: dict[str, Any], one: str, other: str) -> bool:
    """Return True if a request has both fields."""
    return bool(texts(request.get(one))) and bool(texts(request.get(other)))


def texts(value: object) -> list[str]:
    """Return the texts in a field of a request: one or a list; [] if it has none."""
    items = value if isinstance(value, list) else [value]
    found = [item for item in items if isinstance(item, str)]
    return found if len(found) == len(items) else []


def count(request: dict[str, Any]) -> int:
    """Return the number of texts that a request has."""
    fields = ("input", "documents", "text_1", "text_2")
    return sum(len(texts(request[field])) for field in fields if field in request)


def reply(kind: str, model: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to a request of a kind."""
    if kind == "reranking" and "documents" in request:
        return reranked(model, request)
    if kind == "reranking":
        queries, documents = texts(request["text_1"]), texts(request["text_2"])
        queries = queries * len(documents) if len(queries) == 1 else queries
        pairs = zip(queries, documents, strict=False)
        rows = [{"object": "score", "score": similarity(*pair)} for pair in pairs]
        return listed("score", model, [*queries, *documents], rows)
    inputs = texts(request["input"])
    if kind == "classification":
        return listed("classify", model, inputs, [classified(text) for text in inputs])
    encoded = request.get("encoding_format") == "base64"
    found = [in_base64(vector(text)) if encoded else vector(text) for text in inputs]
    return listed("embd", model, inputs, [{"object": "embedding", "embedding": item} for item in found])


def listed(prefix: str, model: str, words: list[str], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a list object with its rows and the usage."""
    shared = {
        "id": f"{prefix}-{uuid.uuid4().hex}",
        "object": "list",
        "created": int(time.time()),
        "model": model,
    }
    data = [{"index": index, **row} for index, row in enumerate(rows)]
    return {**shared, "data": data, "usage": usage(words)}


def reranked(model: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the documents with their scores, the highest first."""
    query, documents = request["query"], texts(request["documents"])
    rows: list[dict[str, Any]] = [
        {
            "index": index,
            "document": {"text": text, "multi_modal": None},
            "relevance_score": similarity(query, text),
        }
        for index, text in enumerate(documents)
    ]
    rows.sort(key=lambda row: row["relevance_score"], reverse=True)
    rows = rows[: request.get("top_n") or len(rows)]
    tokens = usage([query, *documents])
    used = {"prompt_tokens": tokens["prompt_tokens"], "total_tokens": tokens["total_tokens"]}
    return {"id": f"rerank-{uuid.uuid4().hex}", "model": model, "usage": used, "results": rows}


def classified(text: str) -> dict[str, Any]:
    """Return the class of a text and the probability of each class."""
    first = 0.25 + 0.5 * (zlib.crc32(text.encode()) % 2)
    probabilities = [first, 1 - first]
    label = LABELS[probabilities.index(max(probabilities))]
    return {"label": label, "probs": probabilities, "num_classes": len(LABELS)}


def vector(text: str) -> list[float]:
    """Return the words of a text as a vector of length 1."""
    found = [0.0] * DIMENSIONS
    for word in text.lower().split() or [""]:
        found[zlib.crc32(word.strip(".,?!").encode()) % DIMENSIONS] += 1.0
    length = math.hypot(*found)
    return [number / length for number in found]


def similarity(one: str, other: str) -> float:
    """Return the cosine between the vectors of two texts."""
    return sum(a * b for a, b in zip(vector(one), vector(other), strict=True))


def in_base64(numbers: list[float]) -> str:
    """Return numbers as the base64 of 32-bit floats, which OpenAI clients ask for."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def usage(words: list[str]) -> dict[str, Any]:
    """Return the usage for texts."""
    tokens = sum(len(text.split()) for text in words)
    return {
        "prompt_tokens": tokens,
        "total_tokens": tokens,
        "completion_tokens": 0,
        "prompt_tokens_details": None,
    }
