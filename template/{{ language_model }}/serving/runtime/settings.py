# Part of the library: `copier update` replaces this file.
"""Read settings from settings.toml and the environment, and check them before the model is loaded."""

import difflib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10, in images of earlier releases
    try:
        import tomli as tomllib  # the Dockerfile installs it there
    except ModuleNotFoundError:
        seen = f"Python {sys.version_info[0]}.{sys.version_info[1]} has neither tomllib nor tomli"
        fix = "add to the Dockerfile: RUN python3 -m pip install --no-cache-dir tomli==2.5.0"
        sys.exit(f"serve: cannot read settings.toml: {seen}; {fix}")

FILE = Path(__file__).resolve().parent.parent / "settings.toml"
MODEL_DIR = Path(os.environ.get("MODEL_DIR", "/opt/ml/model"))
TEMPLATES = Path("/vllm-workspace/examples")  # chat templates of vLLM's image; vLLM reports a missing one
PREFIX = "SERVE_"
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.gguf", "*.engine")
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
QUERY = ["nvidia-smi", "--query-gpu=name,compute_cap", "--format=csv,noheader"]
Settings = dict[str, Any]


class Gpu(NamedTuple):
    """A GPU that is visible in this container. Its compute capability is None if the driver omits it."""

    name: str
    capability: float | None


def load(environ: Mapping[str, str]) -> Settings:
    """Return the settings, with the types that they have in the file. Exit if one is invalid."""
    settings: Settings = tomllib.loads(FILE.read_text("utf-8"))
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        name = variable.removeprefix(PREFIX).lower()
        if name not in settings or isinstance(settings[name], dict):
            near = difflib.get_close_matches(name, settings, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(sorted(settings))}"
            refuse(f"{variable} is not a setting; {hint}")
        try:
            settings[name] = parsed(environ[variable], settings[name])
        except ValueError:
            kind = type(settings[name]).__name__
            refuse(f"{variable}: {environ[variable]!r} is not of type {kind}, the type in settings.toml")
    return settings


def parsed(text: str, like: Any) -> Any:
    """Return a text converted to the type of `like`; lists are JSON. Raise ValueError if that fails."""
    if isinstance(like, str):
        return text
    value = json.loads(text.lower() if isinstance(like, bool) else text)
    is_list_of_text = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if type(value) is not type(like) and not (isinstance(like, float) and type(value) is int):
        raise ValueError
    if isinstance(like, list) and not is_list_of_text:
        raise ValueError
    return value


def given(
    settings: Settings, names: Mapping[str, str], values: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the names and values of the settings in `names`, except those with the server's default (0, "").

    `values` maps values to the names that the inference server uses for them.
    """
    for name in names:
        text = str(settings[name])
        if text not in ("", "0"):
            yield name, (values or {}).get(text, text)


def model(settings: Settings) -> Settings:
    """Return the settings with the model to load: the one in MODEL_DIR, or the configured model."""
    source = str(settings["model"])
    named = {"served_model_name": source.rstrip("/").rpartition("/")[2] if ":" in source else source}
    if (MODEL_DIR / "config.json").is_file():
        config = read_json(MODEL_DIR / "config.json")
        if not any(next(MODEL_DIR.glob(pattern), None) for pattern in WEIGHTS):
            refuse(f"{MODEL_DIR} has no weights ({', '.join(WEIGHTS)})")
        heads = {**config, **(config.get("text_config") or {})}.get("num_attention_heads", 0)
        return {**settings, **named, "model": str(MODEL_DIR), "revision": "", "num_attention_heads": heads}
    if source.startswith("s3://"):
        refuse(f"{MODEL_DIR} has no config.json: SageMaker did not download {source} (ModelDataSource)")
    return {**settings, **named}


def token(settings: Settings) -> None:
    """Exit if the Hub requires a token and there is none."""
    local = settings["model"] == str(MODEL_DIR)
    if settings["gated"] and not local and not any(os.environ.get(name) for name in TOKEN_VARIABLES):
        refuse(f"{settings['model']} is gated, and there is no token: set hf_token_secret_arn or HF_TOKEN")


def chat_template(settings: Settings) -> Settings:
    """Return the settings with the path of the chat template. Exit if there is no chat template."""
    chosen = settings["chat_template"]
    if chosen == "none":
        return {**settings, "chat_template": ""}
    if chosen:
        path = FILE.parent / chosen
        if not path.is_file() and path.parent != TEMPLATES:
            refuse(f"chat_template: there is no {path}")
        return {**settings, "chat_template": str(path)}
    if settings["model"] == str(MODEL_DIR) and not has_chat_template(MODEL_DIR):
        refuse(f"{MODEL_DIR} has no chat template: set chat_template to a file, or to none for completions")
    return settings


def has_chat_template(directory: Path) -> bool:
    """Return True if the tokenizer of a model has a chat template."""
    if any((directory / name).exists() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    file = directory / "tokenizer_config.json"
    return file.is_file() and bool(read_json(file).get("chat_template"))


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Exit if there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        refuse(f"cannot load {path}: {error}")
    return found if isinstance(found, dict) else refuse(f"cannot load {path}: it is not a JSON object")


def gpus(settings: Settings) -> Settings:
    """Return the settings with the number of GPUs that share the model. Exit if these GPUs cannot run it."""
    if not settings["require_gpu"]:
        return {**settings, "tensor_parallel_size": settings["tensor_parallel_size"] or 1}
    visible, requested = visible_gpus(), settings["tensor_parallel_size"]
    if not visible:
        refuse("no GPU is visible; on a machine with a GPU, run the container with --gpus all")
    if requested > len(visible):
        refuse(f"tensor_parallel_size is {requested}, but the number of visible GPUs is {len(visible)}")
    degree, heads = requested or len(visible), settings["num_attention_heads"]
    if heads % degree:
        refuse(f"tensor_parallel_size {degree} does not divide the model's {heads} attention heads")
    for gpu in visible:
        for feature, minimum in settings["compute_capability"].items():
            if gpu.capability and gpu.capability < minimum:
                refuse(f"{gpu.name} has compute capability {gpu.capability}, {feature} needs {minimum}")
    return {**settings, "tensor_parallel_size": degree}


def visible_gpus() -> list[Gpu]:
    """Return the GPUs that are visible in this container and selected by CUDA_VISIBLE_DEVICES."""
    if not shutil.which(QUERY[0]):
        return []
    answer = subprocess.run(QUERY, capture_output=True, text=True)
    if answer.returncode:
        return []
    rows = [line.rpartition(",") for line in answer.stdout.splitlines() if line]
    found = [Gpu(name.strip(), number(capability)) for name, _, capability in rows]
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found if chosen is None else found[: len([item for item in chosen.split(",") if item.strip()])]


def number(text: str) -> float | None:
    """Return a text as a number, or None if it is not a number."""
    try:
        return float(text)
    except ValueError:
        return None


def refuse(reason: str, code: int = 1) -> NoReturn:
    """Print the reason and exit."""
    print(f"serve: {reason}", file=sys.stderr, flush=True)
    sys.exit(code)
