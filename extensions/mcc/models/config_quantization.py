"""Read the quantization of weights and KV cache from a config.json."""

import re
from collections.abc import Mapping
from typing import Any

from ..errors import redaction
from ..errors.errors import UnsizableModel

LARGEST_GROUP = 65_536  # weights that share a scale
MODULES = {  # that a quantization may leave at 16 bits, and the parts of their names
    "self_attn": r"self_attn",
    "shared_experts": r"shared_expert",
    "linear_attn": r"linear_attn",
    "mlp": r"(?<!shared_experts\.)mlp(\*|\.(gate|up|down)_proj)?$",
}


def weights(raw: Mapping[str, Any]) -> str:
    """Return the class of a checkpoint's weights: none, fp8, int8, awq, gptq, bnb4, mxfp4 or nvfp4."""
    given = raw.get("quantization_config") or raw.get("compression_config")
    if not given:
        return "none"
    if not isinstance(given, Mapping):
        raise UnsizableModel("quantization_config is not an object")
    method = str(given.get("quant_method", "")).lower()
    algorithm = str(given.get("quant_algo", "")).upper()
    if "FP4" in algorithm or (algorithm == "MIXED_PRECISION" and method == "modelopt"):
        return "nvfp4"
    if method == "bitsandbytes":
        return "int8" if given.get("load_in_8bit") else "bnb4"
    if method == "compressed-tensors":
        return _compressed(given)
    if method in ("awq", "gptq", "mxfp4"):
        return "int8" if given.get("bits") == 8 else method
    if method in ("fp8", "fbgemm_fp8") or algorithm.startswith("FP8"):
        return "fp8"
    raise UnsizableModel(f"quantization_config: quant_method {redaction.shown(method)} is not known here")


def group_size(raw: Mapping[str, Any]) -> int:
    """Return how many weights share a scale, 0 where the checkpoint does not state it."""
    given = raw.get("quantization_config") or raw.get("compression_config")
    if not isinstance(given, Mapping):
        return 0
    groups = given.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    size = (weights if isinstance(weights, Mapping) else given).get("group_size")
    return size if type(size) is int and 0 < size <= LARGEST_GROUP else 0


def method(raw: Mapping[str, Any]) -> str:
    """Return how a checkpoint was quantized, as gpu_support.yml calls it, '' if it was not.

    More precise than `weights`: servers load the same number format of two tools by different code.
    """
    given = raw.get("quantization_config") or raw.get("compression_config")
    if not isinstance(given, Mapping):
        return ""
    name, algorithm = str(given.get("quant_method", "")).lower(), str(given.get("quant_algo", "")).upper()
    if name == "compressed-tensors":
        kinds = {"gptq": "int4"}
        found = _compressed(given)
        return f"{name}-{kinds.get(found, found)}"
    if name == "modelopt":
        parts = {"MXFP8": "mxfp8", "MIXED": "mixed", "FP4": "nvfp4", "FP8": "fp8"}
        return next((f"{name}-{word}" for part, word in parts.items() if part in algorithm), name)
    return name


def unquantized(raw: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """Return the 16-bit parts of a quantized checkpoint: modules in all layers, or the MLP in some."""
    given = raw.get("quantization_config")
    kept = (
        (given.get("modules_to_not_convert") or given.get("ignore")) if isinstance(given, Mapping) else None
    )
    if not isinstance(kept, list):
        return {}
    everywhere, numbers = [], set()
    for module, pattern in MODULES.items():
        names = [str(name) for name in kept if re.search(pattern, str(name))]
        numbers = {number for name in names for number in re.findall(r"\.([0-9]+)\.", name)}
        if 2 * len(numbers) > layers or any(not re.search(r"\.[0-9]+\.", name) for name in names):
            everywhere.append(module)
    return {
        "unquantized": " ".join(everywhere),
        "unquantized_layers": 0 if "mlp" in everywhere else len(numbers),
    }


def kv_cache(raw: Mapping[str, Any]) -> str:
    """Return the number format that a checkpoint gives its KV cache, `auto` when it gives none."""
    given = raw.get("quantization_config")
    if not isinstance(given, Mapping):
        return "auto"
    scheme = given.get("kv_cache_scheme") or given.get("kv_cache_quant_algo")
    eight_bits = isinstance(scheme, Mapping) and scheme.get("num_bits") == 8
    return "fp8" if eight_bits or str(scheme).upper() == "FP8" else "auto"


def _compressed(given: Mapping[str, Any]) -> str:
    groups = given.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    weights = given if weights is None and "num_bits" in given else weights
    if not isinstance(weights, Mapping):
        raise UnsizableModel("quantization_config: config_groups has no weights")
    bits, kind = weights.get("num_bits"), weights.get("type")
    if bits == 8:
        return "fp8" if kind == "float" else "int8"
    if bits == 4:
        return "nvfp4" if kind == "float" else "gptq"
    raise UnsizableModel(f"quantization_config: num_bits {redaction.shown(bits)} is neither 4 nor 8")
