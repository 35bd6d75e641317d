"""The Hugging Face Hub's listing of a repository, and the size of its weights."""

from dataclasses import dataclass
from typing import Any

CONFIG, TOKENIZER, INDEX = "config.json", "tokenizer_config.json", "model.safetensors.index.json"
MODULES = "modules.json"  # of Sentence Transformers
POOLING, SENTENCES = "_Pooling/config.json", "sentence_bert_config.json"  # its max_seq_length
CHAT_TEMPLATES = ("chat_template.jinja", "chat_template.json")
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
class Listing:
    """The Hub's listing of a repository: `files` maps its files to bytes, None when unknown."""

    commit: str
    gated: bool
    files: dict[str, int | None]
    parameters: dict[str, int]

    def optional_files(self) -> list[str]:
        files = [] if self.has_template_file() else [TOKENIZER]
        files += [SENTENCES] if self.has_pooling() else []
        return files if self.counted_bytes() else [*files, INDEX]

    def has_template_file(self) -> bool:
        return any(file in self.files for file in CHAT_TEMPLATES)

    def has_pooling(self) -> bool:
        """Return whether it has a pooling module of Sentence Transformers."""
        return MODULES in self.files and any(file.endswith(POOLING) for file in self.files)

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
        return natural(metadata.get("total_size")) if isinstance(metadata, dict) else None

    def _single_file(self) -> set[str]:
        files = {file for file in self.files if file.endswith(".safetensors") and "/" not in file}
        usual = files & {"model.safetensors"}
        return usual or (files if len(files) == 1 else set())


def counts(parameters: dict[Any, Any]) -> dict[str, int]:
    """Return the counts, {} when one of them is none: a part of them would be a wrong sum."""
    found = {str(dtype): natural(count) for dtype, count in parameters.items()}
    known = {dtype: count for dtype, count in found.items() if count is not None}
    return known if len(known) == len(found) else {}


def natural(value: object) -> int | None:
    """Return a whole number as it is; some writers of an index put 1.5e10."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
