# Part of the library: `copier update` replaces this file.
"""Random prompts of common words, each about one token, so that no tokenizer is downloaded.

AIPerf requires a tokenizer even if the server counts the tokens: it gets one that splits texts into words.
"""

import random
from typing import Any

WORDS = """
the of and to in is that it was for on are as with his they at be this from have or by one had not
but what all were when we there can an your which their if do will each about how up out them
then she many some so these would other into has more her two like him see time could no make than
first been its who now people my made over did down only way find use may water long little very
after words called just where most get through back much before go good new write our used me
man too any day same
""".split()  # noqa: SIM905


def texts(count: int, words: int, seed: int) -> list[str]:
    """Return `count` different texts of a number of words; the same ones for the same seed."""
    chosen = random.Random(seed)
    return [" ".join(chosen.choices(WORDS, k=words)) for _ in range(count)]


def tokenizer() -> dict[str, dict[str, Any]]:
    """Return the files of a tokenizer of words, by name."""
    vocabulary = {word: number for number, word in enumerate(["[UNK]", "[EOS]", *WORDS])}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
    parts: dict[str, Any] = dict.fromkeys(
        ("truncation", "padding", "normalizer", "post_processor", "decoder")
    )
    parts |= {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"}, "model": model}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "eos_token": "[EOS]"}
    return {"tokenizer.json": parts, "tokenizer_config.json": settings}
