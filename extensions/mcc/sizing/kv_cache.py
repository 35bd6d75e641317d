"""The KV cache of a language model: bytes of a token, of a request, and of all requests at once."""

from dataclasses import dataclass

from ..models.facts import ModelFacts

SIXTEEN_BIT = 2  # bytes
PAGE = 16  # tokens in a block of KV cache


@dataclass(frozen=True)
class Layout:
    """How an engine keeps the KV cache.

    `windowed` if layers with sliding attention keep only their window, and `in_flight` tokens of batches that
    are not processed yet. `state_copies` are the states of linear-attention layers for each request.
    """

    windowed: bool
    in_flight: int
    state_copies: int
    tensor_parallel: int
    pipeline_parallel: int


@dataclass(frozen=True)
class KvCache:
    """Bytes on each GPU. A running request of the full length holds `request_bytes`.

    `token_bytes` are those of a token in all layers alike. `in_flight_bytes` is what the batches in progress
    hold beyond the windows, once for all requests.
    """

    token_bytes: int
    request_bytes: float
    in_flight_bytes: float

    def load_bytes(self, requests: float) -> float:
        """Return the bytes of so many running requests of the full length."""
        return requests * self.request_bytes + self.in_flight_bytes


def sized(facts: ModelFacts, value_bytes: int, length: int, layout: Layout) -> KvCache:
    """Return the cache of a model whose values take so many bytes, for requests of `length` tokens.

    Layers with sliding attention keep the window of each request; only the tokens of the batches in flight
    are kept beyond it (SlidingWindowSpec in vllm/v1/kv_cache_interface.py, remove_skipped_blocks in
    v1/core/single_type_kv_cache_manager.py). An encoder keeps no cache.
    """
    full, sliding = layer_groups(facts, layout.windowed)
    token = 0 if facts.encoder else token_bytes(facts, layout.tensor_parallel, value_bytes)
    kept = min(length, facts.sliding_window) if layout.windowed else length
    beyond = min(length - kept, layout.in_flight)
    state = facts.linear_layers * facts.linear_state * facts.state_bytes * layout.state_copies
    request = token * (full * _pages(length) + sliding * _pages(kept)) + state / layout.tensor_parallel
    return KvCache(
        token_bytes=token * -(-(full + sliding) // layout.pipeline_parallel),
        request_bytes=request / layout.pipeline_parallel,
        in_flight_bytes=token * sliding * _pages(beyond) / layout.pipeline_parallel,
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
