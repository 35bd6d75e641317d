"""The KV cache of a language model: bytes of a token, of a request, and of all requests at once."""

from dataclasses import dataclass

from ..models.facts import ModelFacts

SIXTEEN_BIT = 2  # bytes
PAGE = 16  # tokens in a block of KV cache


@dataclass(frozen=True)
class Layout:
    """How an engine keeps the KV cache.

    `windowed` if layers with sliding attention keep only their window, and the tokens of `steps` batches of
    `batched` tokens that are not processed yet. `state_copies` are the states of linear-attention layers for
    each request. A request has one of `parts` equal parts of the cache.
    """

    windowed: bool
    batched: int
    steps: int
    state_copies: int
    tensor_parallel: int
    pipeline_parallel: int
    parts: int = 1


@dataclass(frozen=True)
class KvCache:
    """Bytes on each GPU. A running request of the full length holds `request_bytes`.

    `token_bytes` are those of a token in all layers alike, in each part of the cache. A prompt that is read
    holds `beyond_bytes` beyond the windows, and all prompts of a batch together at most `batch_bytes`. An
    engine starts if it has `start_bytes`: one request in each part of the cache, as large as it can become.
    """

    token_bytes: int
    request_bytes: float
    beyond_bytes: float
    batch_bytes: float
    start_bytes: float

    def load_bytes(self, requests: float) -> float:
        """Return the bytes of so many running requests of the full length."""
        return requests * self.request_bytes + min(requests * self.beyond_bytes, self.batch_bytes)


def sized(facts: ModelFacts, value_bytes: int, length: int, layout: Layout) -> KvCache:
    """Return the cache of a model whose values take so many bytes, for requests of `length` tokens.

    Layers with sliding attention keep the window of each request; only the tokens of the batch in progress
    are kept beyond it (SlidingWindowSpec in vllm/v1/kv_cache_interface.py, remove_skipped_blocks in
    v1/core/single_type_kv_cache_manager.py). An encoder keeps no cache.
    """
    full, sliding = layer_groups(facts, layout.windowed)
    of_full, of_sliding = token_bytes(facts, layout.tensor_parallel, value_bytes)
    kept = min(length, facts.sliding_window) if layout.windowed else length
    state = facts.linear_layers * facts.linear_state * facts.state_bytes * layout.state_copies
    request: float = of_full * full * _pages(length) + of_sliding * sliding * _pages(kept)
    request += state / layout.tensor_parallel
    beyond = of_sliding * sliding / layout.pipeline_parallel
    return KvCache(
        token_bytes=max(of_full, of_sliding)
        * -(-(full + sliding) // layout.pipeline_parallel)
        * layout.parts,
        request_bytes=request / layout.pipeline_parallel,
        beyond_bytes=beyond * _pages(length - kept),
        batch_bytes=beyond * _pages(layout.batched),
        start_bytes=layout.parts
        * (
            request / layout.pipeline_parallel
            + beyond * _pages(min(length - kept, layout.steps * layout.batched))
        ),
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


def token_bytes(facts: ModelFacts, tensor_parallel: int, value_bytes: int) -> tuple[int, int]:
    """Return the bytes of KV cache that a token takes in a layer with full and with sliding attention.

    Where they differ, vLLM gives the smaller ones more tokens a block (unify_kv_cache_spec_page_size in
    v1/core/kv_cache_utils.py).
    """
    if facts.encoder:
        return 0, 0
    if facts.kv_lora_rank:
        latent = (facts.kv_lora_rank + facts.qk_rope_head_dim) * value_bytes
        return latent, latent
    sliding = -(-facts.num_key_value_heads // tensor_parallel) * facts.head_dim
    full = sliding
    if facts.global_head_dim:
        full = -(-facts.num_global_key_value_heads // tensor_parallel) * facts.global_head_dim
    return 2 * full * value_bytes, 2 * sliding * value_bytes


def _pages(tokens: int) -> int:
    return -(-tokens // PAGE) * PAGE
