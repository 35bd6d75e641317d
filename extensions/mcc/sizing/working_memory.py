"""The memory that an inference server works in: activations, the vision encoder and CUDA graphs."""

from ..models.facts import ModelFacts
from .kv_cache import SIXTEEN_BIT

GIB = 1024**3
EXPERT_CHUNK = 32_768  # tokens that vLLM's fused experts take at a time
PIXEL_BYTES = 6  # of a channel of a pixel: as 32 bits from the image processor, and as 16 bits
FRAMES = 2  # a patch is of two frames of a video, or of an image twice
LARGEST_GRAPH, LARGEST_CLASS_GRAPH = 512, 1024  # tokens


def activation_gib(
    facts: ModelFacts, batched_tokens: int, sequences: int, tensor_parallel: int, sampler_bytes: float
) -> float:
    """Return the GiB that profiling peaks at: the largest layer's forward pass, or the sampler."""
    hidden, chosen = facts.hidden_size, facts.num_experts_per_tok
    if facts.num_experts:
        width = 4 * hidden + 3 * chosen * facts.moe_intermediate_size / tensor_parallel + chosen * hidden
    else:
        width = 4 * hidden + 3 * facts.intermediate_size / tensor_parallel
    forward = SIXTEEN_BIT * min(batched_tokens, EXPERT_CHUNK if facts.num_experts else batched_tokens) * width
    sampled = 0.0 if facts.encoder else sequences * facts.vocab_size * sampler_bytes
    return max(forward, sampled) / GIB


def experts_gib(facts: ModelFacts, batched_tokens: int, tensor_parallel: int) -> float:
    """Return the GiB that fused experts keep once they have run: the results of both their matrices."""
    chosen = facts.num_experts_per_tok * min(batched_tokens, EXPERT_CHUNK)
    inner = facts.moe_intermediate_size / tensor_parallel
    return SIXTEEN_BIT * chosen * (max(2 * inner, facts.hidden_size) + inner) / GIB


def embedding_gib(facts: ModelFacts, tensor_parallel: int) -> float:
    """Return the GiB of a second table of embeddings: torch.compile times the look-up with a random one.

    Inductor does so when it compiles combined kernels for the first time in a container, which is while
    vLLM profiles (benchmark_combo_kernel in vllm/config/compilation.py). Multimodal models embed before the
    compiled part.
    """
    return SIXTEEN_BIT * facts.vocab_size * facts.hidden_size / tensor_parallel / GIB


def vision_gib(
    facts: ModelFacts,
    batched_tokens: int,
    sequences: int,
    tensor_parallel: int,
    longest: int | None = None,
) -> float:
    """Return the GiB that profiling the vision encoder peaks at, before the language model's own pass.

    vLLM profiles as many images of the largest size as one batch of tokens holds, one at least
    (v1/core/encoder_cache_manager.py, multimodal/encoder_budget.py). A patch holds its pixels and the widest
    part of a layer: attention with its rotated copies, or the MLP. The images' tokens are kept in addition.
    An image has no more than `longest` tokens.
    """
    if not facts.vision_patches:
        return 0.0
    merged = facts.vision_merge**2
    tokens = max(1, min(facts.vision_patches // merged, longest or facts.vision_patches))
    images = max(1, min(batched_tokens // tokens, sequences))
    attention = (2 + 10 / tensor_parallel) * facts.vision_hidden
    matrices = 3 if facts.vision_gated else 2
    mlp = 2 * facts.vision_hidden + matrices * facts.vision_inner / tensor_parallel
    pixels = PIXEL_BYTES * FRAMES * 3 * facts.vision_patch**2
    patches = images * tokens * merged * (pixels + SIXTEEN_BIT * max(attention, mlp))
    return (patches + SIXTEEN_BIT * images * tokens * facts.hidden_size) / GIB


def graphs_gib(facts: ModelFacts, sequences: int, largest_class: bool = False) -> float:
    """Return the GiB of CUDA graphs: some for the largest batch, and some for each size captured.

    vLLM captures batches of up to twice `sequences` tokens in parts, and of up to `sequences` as a whole
    (_set_cudagraph_sizes in vllm/config/vllm.py).
    """
    experts = 0.4 if facts.num_experts else 0.0
    limit = LARGEST_CLASS_GRAPH if largest_class else LARGEST_GRAPH
    captured = graph_sizes(min(2 * sequences, limit)) + graph_sizes(min(sequences, limit))
    return (0.4 + 0.014 * facts.num_hidden_layers + experts) * captured / (2 * graph_sizes(LARGEST_GRAPH))


def graph_sizes(largest: int) -> int:
    """Return how many batch sizes up to `largest` are captured: 1, 2, 4, each 8 to 256, then each 16."""
    small = sum(size <= largest for size in (1, 2, 4))
    return small + min(largest, 255) // 8 + max(0, (largest - 240) // 16)
