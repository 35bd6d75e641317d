"""The kind of a language model: whether it generates text, or returns vectors, scores or classes.

The order is that of vLLM: a pooling module of Sentence Transformers, the registry, the name of the class.
"""

from collections.abc import Mapping
from typing import Any

from ..catalog import catalog

AUTO = "auto"
GENERATED = ""  # text, as a chat or a completion
EMBEDDING, RERANKING, CLASSIFICATION = "embedding", "reranking", "classification"
POOLING = (EMBEDDING, RERANKING, CLASSIFICATION)
# Answers to model_kind. Whether text is a chat or a completion depends on the chat template.
CHOICES = {
    AUTO: "by the files of the model",
    "chat": "text, with a chat template",
    "completion": "text, without a chat template",
    EMBEDDING: "a vector for each text",
    RERANKING: "a score for each document and a query",
    CLASSIFICATION: "the probability of each class",
}
TITLES = {
    EMBEDDING: "an embedding model",
    RERANKING: "a reranking model",
    CLASSIFICATION: "a classification model",
    "reward": "a reward model",
    "token": "a model that classifies tokens",
    "late": "a late-interaction model",
}
POOLING_MODULE = ".Pooling"  # the end of its name in modules.json
# The first that matches the end of a class. vLLM has the same order.
ENDINGS = (
    (("ForCausalLM", "ForConditionalGeneration", "ChatModel", "LMHeadModel"), GENERATED),
    (("ForTextEncoding", "EmbeddingModel"), EMBEDDING),
    (("ForSequenceClassification", "ClassificationModel"), CLASSIFICATION),
    (("ForTokenClassification",), "token"),
    (("ForRewardModeling", "RewardModel"), "reward"),
    (("Model",), EMBEDDING),
)


def of_config(config: Mapping[str, Any], has_pooling: bool) -> str:
    """Return the kind of a model by its config.json, GENERATED for one that generates text.

    `has_pooling` is True if its files have a pooling module of Sentence Transformers.
    """
    listed = config.get("architectures")
    architecture = str(listed[0]) if isinstance(listed, list) and listed else ""
    found = by_architecture(architecture)
    if found == CLASSIFICATION:
        return RERANKING if _labels(config) == 1 else CLASSIFICATION
    return EMBEDDING if has_pooling else found


def by_architecture(architecture: str) -> str:
    """Return the kind of a class; of a class that returns scores, the number of labels decides."""
    entry = catalog.architectures().get(architecture)
    in_vllm = entry.kinds if entry and entry.vllm else ()
    if {"generate", "multimodal"} & set(in_vllm):
        return GENERATED
    if "late" in in_vllm:
        return "late"
    found = next((kind for ends, kind in ENDINGS if architecture.endswith(ends)), GENERATED)
    return EMBEDDING if not found and "embed" in in_vllm else found


def of_answer(model_facts: Mapping[str, Any], wanted: str = AUTO) -> str:
    """Return the kind by stored facts, or the one that was `wanted`; GENERATED for text."""
    if wanted != AUTO:
        return wanted if wanted in POOLING else GENERATED
    known = model_facts.get("kind")
    return str(known) if known else by_architecture(str(model_facts.get("architecture", "")))


def contradiction(model_facts: Mapping[str, Any], wanted: str = AUTO) -> str:
    """Return why the weights of a model are not of its kind, stored or `wanted`, or ''."""
    architecture, kind = str(model_facts.get("architecture", "")), of_answer(model_facts, wanted)
    made_for, scores = by_architecture(architecture), kind in (RERANKING, CLASSIFICATION)
    if not architecture or (scores and made_for == CLASSIFICATION) or kind == made_for:
        return ""
    if kind == EMBEDDING and made_for == GENERATED:  # the last hidden state is a vector
        return ""
    needed = "…ForSequenceClassification" if scores else "…ForCausalLM"
    return f"{architecture} has no weights for this.\nIt needs a class {needed}"


def has_pooling_module(modules: object) -> bool:
    """Return whether the content of a modules.json of Sentence Transformers names a pooling module."""
    listed = modules if isinstance(modules, list) else []
    named = [item.get("type") for item in listed if isinstance(item, dict)]
    return any(isinstance(name, str) and name.endswith(POOLING_MODULE) for name in named)


def _labels(config: Mapping[str, Any]) -> int:
    """Return the number of labels, which Transformers takes for 2 if a config.json does not give it."""
    labels, count = config.get("id2label"), config.get("num_labels")
    if isinstance(labels, Mapping):
        return len(labels)
    return count if isinstance(count, int) else 2
