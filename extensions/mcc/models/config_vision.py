"""The vision encoder of a model by the vision_config of its config.json."""

from collections.abc import Mapping
from typing import Any

from .config_fields import MOST_LAYERS, Fields

# Patches of the largest image by model_type, where the image processor limits pixels and not the config:
# Qwen2-VL and 2.5-VL 12,845,056 pixels of patches of 14, Qwen3-VL and later 16,777,216 of patches of 16
# (preprocessor_config.json of the models), Kimi-VL 4,096 (in_token_limit), Gemma 4 by its tokens an image.
LARGEST_IMAGE = {"qwen2_vl": 65_536, "qwen2_5_vl": 65_536, "kimi_vl": 4_096, "kimi_k25": 16_384}
QWEN3_TYPES = ("qwen3_vl", "qwen3_5", "qwen3_6", "qwen3_8", "qwen4")
UNKNOWN_IMAGE = 4_096  # patches; 896 pixels in patches of 14, the largest fixed size in use
FULL_SIZE = {"pixtral": 1_540, "mistral3": 1_540}  # pixels of the side, where the config leaves it out
GATED = ("qwen2_5_vl", "pixtral", "mistral3")  # their MLP has three matrices


def vision(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sizes of the vision encoder, {} for a model whose config describes none.

    `vision_patches` are those of the largest image, `vision_merge` of them on a side become one token.
    Raises UnsizableModel for a size that is no positive whole number.
    """
    raw = config.get("vision_config")
    if not isinstance(raw, Mapping):
        return {}
    fields = Fields(raw)
    layers = fields.size(
        "depth", "num_hidden_layers", "vt_num_hidden_layers", default=0, least=0, most=MOST_LAYERS
    )
    hidden = fields.size("embed_dim", "vt_hidden_size", "hidden_size", default=0, least=0)
    if not layers or not hidden:
        return {}
    kind = str(config.get("model_type", ""))
    ratio = fields.size("mlp_ratio", default=4) if type(raw.get("mlp_ratio")) is int else 4
    patch = fields.size("patch_size", default=14)
    merge, deeper = _merge(raw, fields), raw.get("deepstack_visual_indexes")
    return {
        "vision_layers": layers,
        "vision_hidden": hidden,
        "vision_inner": fields.size("intermediate_size", "vt_intermediate_size", default=ratio * hidden),
        "vision_patch": patch,
        "vision_merge": merge,
        "vision_patches": _patches(config, raw, kind, patch, merge),
        "vision_mergers": 1 + len(deeper) if isinstance(deeper, list) else 1,
        "vision_gated": kind in GATED or raw.get("model_type") in GATED,
    }


def _merge(raw: Mapping[str, Any], fields: Fields) -> int:
    kernel = raw.get("merge_kernel_size")
    if isinstance(kernel, list) and kernel and type(kernel[0]) is int and 0 < kernel[0] < 100:
        return kernel[0]
    return fields.size("spatial_merge_size", "pooling_kernel_size", default=1, most=100)


def _patches(config: Mapping[str, Any], raw: Mapping[str, Any], kind: str, patch: int, merge: int) -> int:
    fields = Fields(raw)
    if kind.startswith(QWEN3_TYPES):
        return LARGEST_IMAGE["qwen2_vl"]
    if kind in LARGEST_IMAGE:
        return LARGEST_IMAGE[kind]
    tokens = Fields(config).size("vision_soft_tokens_per_image", default=0, least=0)
    if tokens:
        return tokens * merge * merge
    side = fields.size("image_size", default=FULL_SIZE.get(kind, 0), least=0, most=100_000)
    return (side // patch) ** 2 or UNKNOWN_IMAGE
