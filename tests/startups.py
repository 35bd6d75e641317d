"""Measured start-ups: tables of them, each row as the input of an estimate and its outcome."""

import csv
import dataclasses
import re
from pathlib import Path

from extensions.mcc.catalog import catalog
from extensions.mcc.errors.errors import UnsizableModel
from extensions.mcc.models import model_config
from extensions.mcc.models.facts import ModelFacts
from extensions.mcc.sizing import memory
from extensions.mcc.sizing.memory import Gpu, Serving

STARTUPS = Path(__file__).parent / "data" / "startups.csv"
NVLINK = ("H100", "H200", "H20", "H800", "A100", "A800", "B200", "B300", "GB200", "GH200")
UNSTATED = {"0.1x": "0.10", "0.2x": "0.22"}  # versions as precise as a report gives them
ENGINES = {"trtllm": "tensorrt-llm", "trt-llm": "tensorrt-llm", "tensorrt_llm": "tensorrt-llm"}
SGLANG_STEPS = (  # GiB of a smaller GPU: tokens of a step, requests of graphs with up to 3 GPUs and with more
    (20, 2048, 8, 8),
    (35, 4096, 48, 160),
    (60, 4096, 32, 160),
    (160, 8192, 256, 512),
    (float("inf"), 16_384, 512, 512),
)
STARTED = ("ok",)
FAILED = ("no_fit", "oom_graph", "oom_load", "oom_profile", "oom_warmup", "oom_start", "oom")
IN_OUR_WORDS = {**model_config.IN_OUR_WORDS, "int4": "gptq", "bnb8": "int8", "fp8_block": "fp8", "": "none"}
VARIANT = re.compile(
    r"[-_.](awq|gptq|fp8|nvfp4|gguf|bnb|int[48]|4bit|8bit|w[48]a(8|16)|quantized|dynamic|static|unsloth|it-qat)"
    r".*$",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Startup:
    """A measured start-up: the input of an estimate, and the outcome."""

    row: dict[str, str]
    facts: ModelFacts
    gpu: Gpu
    serving: Serving

    @property
    def started(self) -> bool:
        return self.row["outcome"] in STARTED


def read(path: Path) -> tuple[list[Startup], list[str]]:
    """Return the start-ups of a table, and the ids of the other rows, with the reason."""
    startups, unsized = [], []
    with path.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            try:
                startups.append(_startup(row))
            except UnsizableModel as reason:
                unsized.append(f"{row['id']} ({row['model']}: {reason})")
    return startups, unsized


def _startup(row: dict[str, str]) -> Startup:
    if row["outcome"] not in STARTED + FAILED:
        raise UnsizableModel(f"outcome {row['outcome']!r} is not that of a start")
    engine = row["engine"].lower()
    engine = ENGINES.get(engine, engine)
    if engine not in catalog.memory().engines:
        raise UnsizableModel(f"engine {row['engine']} is unknown")
    if not row["gpu_total_gib"]:
        raise UnsizableModel("the GPU's memory is not stated")
    total = float(row["gpu_total_gib"])
    gpu = Gpu(
        total,
        nvlink=row["gpu"].startswith(NVLINK),
        big_batches=total >= memory.BIG_GPU_GIB and "A100" not in row["gpu"],
    )
    serving = Serving(
        engine=engine,
        version=_version(row["version"]),
        max_model_len=int(row["max_model_len"] or 0),
        max_num_seqs=int(row["max_num_seqs"] or 0),
        max_num_batched_tokens=int(row["max_batched_tokens"] or 0),
        tensor_parallel=int(row["tp"] or 1),
        pipeline_parallel=int(row["pp"] or 1),
        utilization=_utilization(row, engine, total),
        kv_cache_dtype=row["kv_dtype"] or "auto",
        enforce_eager=row["eager"] == "1",
    )
    return Startup(row, _facts(row), gpu, serving)


def _utilization(row: dict[str, str], engine: str, total_gib: float) -> float | None:
    """Return the share of a row, or SGLang's own default; None is for the default of memory.yml.

    SGLang keeps free what it takes a step and its graphs to need (arg_groups/memory_hook.py of 0.5.23).
    """
    if row["util"] or engine != "sglang":
        return float(row["util"]) if row["util"] else None
    degree, stages = int(row["tp"] or 1), int(row["pp"] or 1)
    step, few, many = next(sizes for most, *sizes in SGLANG_STEPS if total_gib < most)
    graphs = min(few if degree < 4 else many, int(row["max_num_seqs"] or many))
    reserved = 0.5 + 1.5 * step / 1024 + degree * stages / 8 + 2 * graphs / 1024
    return 1 - (max(reserved, 10) if total_gib > 60 else reserved) / total_gib


def _facts(row: dict[str, str]) -> ModelFacts:
    """Return the facts of a row's model, or of the model that it is a quantized variant of."""
    name = row["model"]
    listed = catalog.models()
    entry = listed.get(name)
    if entry is None:
        of_name = {id_.rpartition("/")[2].lower(): id_ for id_ in reversed(list(listed))}
        plain = name.rpartition("/")[2].lower()
        near = of_name.get(plain) or of_name.get(VARIANT.sub("", plain))
        if near is None:
            raise UnsizableModel("not in the catalog")
        entry = listed[near]
    written = row["weight_quant"].lower()
    quantization = IN_OUR_WORDS.get(written, written)
    if quantization not in catalog.memory().quantizations:
        raise UnsizableModel(f"weight_quant {written} is unknown")
    model = model_config.from_catalog(entry)
    if model.quantization != quantization:  # quantized as it is loaded, or a variant
        return dataclasses.replace(
            model, quantization=quantization, checkpoint_bytes=0, unquantized="", group_size=0
        )
    return model


def _version(given: str) -> str:
    """Return a version as precise as a report gives it; '' for one that is no number, which is the newest."""
    found = re.match(r"v?(\d+(\.\d+)*)", UNSTATED.get(given, given))
    return found[1] if found else ""
