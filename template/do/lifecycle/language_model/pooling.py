# Part of the library: `copier update` replaces this file.
"""Requests to embedding, reranking and classification models, and their responses."""

import json
import math
from typing import Any, NamedTuple

from lifecycle.project import VERIFICATION, Failure, Result
from lifecycle.transport import Server

KINDS = ("embedding", "reranking", "classification")
SIMILAR = ("A cat sleeps on the sofa.", "The cat sleeps on a couch.")
UNRELATED = "Interest rates rose by two percent."
QUERY = "Where does the cat sleep?"
REQUESTS: dict[str, dict[str, Any]] = {
    "embedding": {"input": [*SIMILAR, UNRELATED], "encoding_format": "float"},
    "reranking": {"query": QUERY, "documents": [UNRELATED, SIMILAR[0]]},
    "classification": {"input": [SIMILAR[0]]},
}


class Class(NamedTuple):
    """The class of a text, and the probability of each class."""

    label: str
    probabilities: list[float]


def check(server: Server, kind: str) -> Result:
    """Return a summary of the response to a request of a kind. Raise Failure if the response is not valid.

    Vectors or scores that do not rank the texts as expected are no failure: the model decides.
    """
    answer = server.invoke(json.dumps(REQUESTS[kind]).encode(), "application/json")
    if answer.status != 200:
        what = f"/invocations returned {answer.status} to a request for {kind}"
        seen = answer.body.decode(errors="replace")
        raise Failure(VERIFICATION, "not-answered", what, seen, "read the server log")
    try:
        content = json.loads(answer.body)
        if kind == "embedding":
            return _of_vectors(vectors(content, len(SIMILAR) + 1))
        if kind == "reranking":
            return _of_scores(scores(content, 2))
        return _of_class(classes(content, 1)[0])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        what, seen = f"the response has no valid {kind}", answer.body.decode(errors="replace")[:300]
        raise Failure(VERIFICATION, f"no-{kind}", what, f"{error}: {seen}", "read the server log") from None


def vectors(content: dict[str, Any], count: int) -> list[list[float]]:
    """Return `count` vectors in the order of their texts. Raise ValueError for vectors that are not valid."""
    rows = sorted(content["data"], key=lambda row: int(row["index"]))
    found = [[float(number) for number in row["embedding"]] for row in rows]
    if len(found) != count or len({len(vector) for vector in found}) != 1:
        raise ValueError(f"{len(found)} vectors of {sorted({len(vector) for vector in found})} numbers")
    if not all(math.isfinite(math.hypot(*vector)) and any(vector) for vector in found):
        raise ValueError("a vector is zero or not finite")
    return found


def scores(content: dict[str, Any], count: int) -> list[float]:
    """Return `count` scores in the order of their documents. Raise ValueError for scores that are invalid."""
    by_document = {int(row["index"]): float(row["relevance_score"]) for row in content["results"]}
    if sorted(by_document) != list(range(count)) or not all(map(math.isfinite, by_document.values())):
        raise ValueError(f"scores of the documents {sorted(by_document)}")
    return [by_document[index] for index in range(count)]


def classes(content: dict[str, Any], count: int) -> list[Class]:
    """Return the classes of `count` texts. Raise ValueError for probabilities that are not valid."""
    rows = sorted(content["data"], key=lambda row: int(row["index"]))
    found = [Class(str(row["label"]), [float(number) for number in row["probs"]]) for row in rows]
    if len(found) != count or not all(item.probabilities for item in found):
        raise ValueError(f"the classes of {len(found)} texts")
    if not all(0 <= number <= 1 for item in found for number in item.probabilities):
        raise ValueError("a probability is not between 0 and 1")
    return found


def _of_vectors(found: list[list[float]]) -> Result:
    near, far = _cosine(found[0], found[1]), _cosine(found[0], found[2])
    text = f"embedding: {len(found[0])} dimensions; similar texts {near:.3f}, unrelated texts {far:.3f}"
    text += "" if near > far else ". Unrelated texts are closer: check the model"
    return {"dimensions": len(found[0]), "similar": near, "unrelated": far, "text": text}


def _of_scores(found: list[float]) -> Result:
    unrelated, relevant = found
    text = f"reranking: score {relevant:.3f} for the relevant document, {unrelated:.3f} for the other"
    text += "" if relevant > unrelated else ". The other document is ranked first: check the model"
    return {"relevant": relevant, "unrelated": unrelated, "text": text}


def _of_class(found: Class) -> Result:
    count, highest = len(found.probabilities), max(found.probabilities)
    text = f"classification: {found.label} ({highest:.3f}), classes: {count}"
    return {"label": found.label, "probabilities": found.probabilities, "text": text}


def _cosine(one: list[float], other: list[float]) -> float:
    """Return the cosine of the angle between two vectors of the same length that are not zero."""
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other))
