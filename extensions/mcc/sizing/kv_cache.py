"""The KV cache of a language model: bytes of a token, and of a request of the full length."""

from dataclasses import dataclass

from ..models.facts import ModelFacts

SIXTEEN_BIT = 2  # bytes
PAGE = 16  # tokens in a block of KV cache


@dataclass(frozen=True)
class KvCache:
    """Bytes on each GPU: of a token, as an engine counts all its layers alike, and of a whole request."""

    token_bytes: int
    request_bytes: float


def sized(
    facts: ModelFacts,
    value_bytes: int,
    length: int,
    window: int | None,
    tensor_parallel: int,
    pipeline_parallel: int,
) -> KvCache:
    """Return the cache of a model whose values take so many bytes, for requests of `length` tokens.

    Layers with sliding attention keep `window` tokens; None is for engines that treat all layers alike.
    """
    full, sliding = layer_groups(facts, window is not None)
    token = token_bytes(facts, tensor_parallel, value_bytes)
    layers = full * _pages(length) + sliding * _pages(length if window is None else min(length, window))
    state = facts.linear_layers * facts.linear_state * SIXTEEN_BIT / tensor_parallel
    return KvCache(
        token_bytes=token * -(-(full + sliding) // pipeline_parallel),
        request_bytes=(token * layers + state) / pipeline_parallel,
    )


def layer_groups(facts: ModelFacts, windowed: bool) -> tuple[int, int]:
    """Return the layers with full and with sliding attention, as the KV cache counts them.

    A cache of both kinds is cut into groups of equal size, padded up to it (vLLM from 0.10): the smaller
    number of layers, or the larger when they differ by less than a quarter.
    """
    full, sliding = facts.full_layers, facts.sliding_layers
    if not windowed:
        return full + sliding, 0
    if not full or not sliding:
        return full, sliding
    low, high = sorted((full, sliding))
    group = high if high < 1.25 * low else low
    return -(-full // group) * group, -(-sliding // group) * group


def token_bytes(facts: ModelFacts, tensor_parallel: int, value_bytes: int) -> int:
    """Return the bytes of KV cache that a token takes in one layer, on one GPU."""
    if facts.kv_lora_rank:
        return (facts.kv_lora_rank + facts.qk_rope_head_dim) * value_bytes
    heads = -(-facts.num_key_value_heads // tensor_parallel)
    size = heads * facts.head_dim
    if facts.global_head_dim:
        size = max(size, -(-facts.num_global_key_value_heads // tensor_parallel) * facts.global_head_dim)
    return 2 * size * value_bytes


def _pages(tokens: int) -> int:
    return -(-tokens // PAGE) * PAGE
