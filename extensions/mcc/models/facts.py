"""The architecture of a language model, as far as it determines memory."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, get_type_hints

from ..errors import redaction
from ..errors.errors import UnsizableModel

PARAMETERS = (0.05, 5000)  # billions, of the models there are
GUESSED_KV_HEADS = 8
GUESSED_EXPERTS = 128
ACTIVE = re.compile(r"-A([0-9]{1,3}(?:\.[0-9]+)?)B(?![A-Za-z0-9])")  # in a name: billions active for a token


@dataclasses.dataclass(frozen=True)
class ModelFacts:
    """The shape of a model, in the names of config.json where it has one.

    Layers are counted by what they hold: full, sliding-window or linear attention, and a dense or an
    expert MLP. A size of 0 means that the model has no such part. `checkpoint_bytes` is the size of its
    tensors as stored, 0 when that is not known. `unquantized` names the modules that a quantized checkpoint
    keeps at 16 bits in all layers, `unquantized_layers` counts those whose MLP it keeps. `unknown_layers` are
    of a type that is unknown here; they are among `full_layers`, the type with the largest KV cache.
    `group_size` is that of the weights' scales, `state_bytes` those of an element of a linear layer's state.
    An `encoder` reads its whole input at once and keeps no KV cache.
    `quantization_method` is the tool and format of quantized weights, as in gpu_support.yml, '' if unknown.
    """

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    full_layers: int
    dense_layers: int
    max_position_embeddings: int
    dtype: str = "bfloat16"
    quantization: str = "none"
    kv_cache_dtype: str = "auto"
    checkpoint_bytes: int = 0
    tie_word_embeddings: bool = False
    gated: bool = True
    multimodal: bool = False
    family: str = ""
    guessed: bool = False
    intermediate_size: int = 0
    sliding_layers: int = 0
    sliding_window: int = 0
    global_head_dim: int = 0
    num_global_key_value_heads: int = 0
    q_lora_rank: int = 0
    kv_lora_rank: int = 0
    qk_nope_head_dim: int = 0
    qk_rope_head_dim: int = 0
    v_head_dim: int = 0
    linear_layers: int = 0
    linear_heads: int = 0
    linear_key_size: int = 0
    linear_value_size: int = 0
    linear_state: int = 0
    expert_layers: int = 0
    num_experts: int = 0
    num_experts_per_tok: int = 0
    moe_intermediate_size: int = 0
    shared_expert_intermediate_size: int = 0
    num_nextn_predict_layers: int = 0
    moe_latent_size: int = 0
    unquantized: str = ""
    unquantized_layers: int = 0
    unknown_layers: int = 0
    group_size: int = 0
    state_bytes: int = 2
    encoder: bool = False
    vision_layers: int = 0
    vision_hidden: int = 0
    vision_inner: int = 0
    vision_patch: int = 0
    vision_merge: int = 0
    vision_patches: int = 0
    vision_mergers: int = 0
    vision_gated: bool = False
    quantization_method: str = ""

    @property
    def kind(self) -> str:
        """The kind of model, for which the estimate's error was measured: one of memory.yml's kinds."""
        if self.guessed:
            return "guessed"
        if self.encoder:
            return "encoder"
        if self.unknown_layers:
            return "unknown_layers"
        if self.linear_layers:
            return "linear_hybrid"
        if self.multimodal:
            return "multimodal"
        if self.quantization not in ("none", "fp8", "int8"):
            return "four_bit"
        if self.kv_lora_rank:
            return "mla"
        if self.num_experts:
            return "moe"
        return "sliding" if self.sliding_layers else "dense"

    def answer(self) -> dict[str, Any]:
        """Return the facts as a stored answer: plain values, without empty ones."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }


def from_answer(answer: Mapping[str, Any]) -> ModelFacts:
    """Return the facts of a stored answer. Raises UnsizableModel when somebody has broken it."""
    known = get_type_hints(ModelFacts)
    try:
        for name, value in answer.items():
            if type(value) is not known[name]:
                raise UnsizableModel(
                    f"model_facts: {name}: {redaction.shown(value)} is not of type {known[name].__name__}"
                )
        return ModelFacts(**answer)
    except (KeyError, TypeError) as error:
        raise UnsizableModel(f"model_facts: the stored answer is not complete: {error}") from None


def from_parameters(billions: float, quantization: str = "none", name: str = "") -> ModelFacts:
    """Return a plausible shape for a model of which only the number of parameters is known.

    A transformer's: 12 x layers x hidden**2 parameters, hidden / layers = 128 (as in Llama 2 and 3), heads of
    128, eight KV heads as most models with grouped queries have. A `name` such as Qwen3-30B-A3B names the
    billions active for a token, too: such a mixture of experts is as deep as a dense model of the geometric
    mean of both. Raises UnsizableModel for a number that no model has.
    """
    smallest, largest = PARAMETERS
    if not smallest <= billions <= largest:
        raise UnsizableModel(
            f"model_parameters: {billions:g} is not a number of billions from {smallest} to {largest}. "
            "Example: 8"
        )
    named = ACTIVE.search(name)
    active = min(float(named[1]), billions) if named else billions
    hidden = max(512, round((math.sqrt(billions * active) * 1e9 * 128 / 12) ** (1 / 3) / 512) * 512)
    heads = hidden // 128
    dense = {"dense_layers": heads, "intermediate_size": 8 * hidden // 3}
    per_expert = 3 * hidden * heads * GUESSED_EXPERTS
    experts = {
        "dense_layers": 0,
        "expert_layers": heads,
        "num_experts": GUESSED_EXPERTS,
        "num_experts_per_tok": max(1, round(GUESSED_EXPERTS * active / billions / 2)),
        "moe_intermediate_size": int(billions * 1e9 / per_expert) + 1,
    }
    return ModelFacts(
        num_hidden_layers=heads,
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=min(GUESSED_KV_HEADS, heads),
        head_dim=128,
        vocab_size=150_000,
        full_layers=heads,
        max_position_embeddings=131_072,
        quantization=quantization,
        guessed=True,
        checkpoint_bytes=int(
            billions * 1e9 * (2 if quantization == "none" else 1 if "8" in quantization else 0.6)
        ),
        **(experts if active < billions else dense),
    )
