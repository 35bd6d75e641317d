"""The parameters of a language model, counted from its architecture."""

from dataclasses import dataclass
from functools import lru_cache

from ..models.facts import ModelFacts


@dataclass(frozen=True)
class Parameters:
    """Counts of parameters by what becomes of them: split over GPUs, replicated, quantized or not."""

    embedding: int
    head: int
    norms: int
    attention: int
    key_value: int
    latent: int
    absorbed: int
    router: int
    mlp: int
    shared_experts: int
    experts: int
    linear_attention: int
    predictor: int
    vision: int

    @property
    def total(self) -> int:
        """All parameters of the language model that a server loads."""
        loaded = (self.embedding, self.head, self.norms, self.attention, self.key_value, self.latent)
        return (
            sum(loaded) + self.router + self.mlp + self.shared_experts + self.experts + self.linear_attention
        )


@lru_cache(maxsize=64)
def count(facts: ModelFacts) -> Parameters:
    """Count a model's parameters from its architecture.

    Source: the weight matrices of the transformers library's classes for each kind of attention.
    """
    hidden, heads = facts.hidden_size, facts.num_attention_heads
    attending = facts.full_layers + facts.sliding_layers
    latent = absorbed = key_value = 0
    if facts.kv_lora_rank:
        absorbed = attending * facts.kv_lora_rank * heads * (facts.qk_nope_head_dim + facts.v_head_dim)
        latent = attending * hidden * (facts.kv_lora_rank + facts.qk_rope_head_dim + facts.q_lora_rank)
        query = (facts.q_lora_rank or hidden) * heads * (facts.qk_nope_head_dim + facts.qk_rope_head_dim)
        attention = absorbed + attending * (query + heads * facts.v_head_dim * hidden)
    else:
        dims = facts.sliding_layers * facts.head_dim
        dims += facts.full_layers * (facts.global_head_dim or facts.head_dim)
        gates = facts.full_layers * facts.head_dim if _has_gated_attention(facts) else 0
        attention = hidden * heads * (2 * dims + gates)
        key_value = 2 * hidden * _key_value_width(facts)
    matrices = 3 if facts.gated else 2
    expert = matrices * (facts.moe_latent_size or hidden) * facts.moe_intermediate_size
    shared = matrices * hidden * facts.shared_expert_intermediate_size
    dense = matrices * hidden * facts.intermediate_size
    embedding = facts.vocab_size * hidden
    projections = 2 * facts.linear_key_size + 3 * facts.linear_value_size + 2 * facts.linear_heads
    predictor = facts.num_nextn_predict_layers * (
        facts.num_experts * expert + (attention + latent) // max(1, attending) + 2 * hidden**2 + 2 * embedding
    )
    return Parameters(
        embedding=embedding,
        head=0 if facts.tie_word_embeddings else embedding,
        norms=(2 * facts.num_hidden_layers + 1) * hidden,
        attention=attention,
        key_value=key_value,
        latent=latent,
        absorbed=absorbed,
        router=facts.expert_layers * hidden * facts.num_experts,
        mlp=facts.dense_layers * dense + facts.expert_layers * 2 * hidden * facts.moe_latent_size,
        shared_experts=facts.expert_layers * shared,
        experts=facts.expert_layers * facts.num_experts * expert,
        linear_attention=facts.linear_layers * hidden * projections,
        predictor=predictor,
        vision=_vision(facts),
    )


def _vision(facts: ModelFacts) -> int:
    """Count the vision encoder and the mergers that turn its patches into tokens of the language model."""
    hidden, merged = facts.vision_hidden, facts.vision_hidden * facts.vision_merge**2
    matrices = 3 if facts.vision_gated else 2
    layers = facts.vision_layers * (4 * hidden**2 + matrices * hidden * facts.vision_inner)
    embedding = 2 * 3 * facts.vision_patch**2 * hidden
    return layers + embedding + facts.vision_mergers * (merged**2 + merged * facts.hidden_size)


def _has_gated_attention(facts: ModelFacts) -> bool:
    return facts.linear_layers > 0 and facts.gated  # Qwen3-Next and later double the query projection


def _key_value_width(facts: ModelFacts) -> int:
    width = facts.sliding_layers * facts.num_key_value_heads * facts.head_dim
    if facts.global_head_dim:  # keys serve as values in these layers: one projection instead of two
        return width + facts.full_layers * facts.num_global_key_value_heads * facts.global_head_dim // 2
    return width + facts.full_layers * facts.num_key_value_heads * facts.head_dim
