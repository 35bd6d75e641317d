"""The rules of the interview: which values each question takes, and what to say of others."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import base_images, catalog, engines, extra_arguments, triton
from .errors import InvalidAnswer

DEPLOYMENT_CONFIGS = {
    "http-fastapi": "FastAPI on uvicorn, behind nginx: scikit-learn, XGBoost, TensorFlow",
    "http-flask": "Flask on gunicorn, behind nginx: scikit-learn, XGBoost, TensorFlow",
    "transformers-vllm": "vLLM: language models",
    "transformers-sglang": "SGLang: language models",
    "transformers-tensorrt-llm": "TensorRT-LLM: language models, on NVIDIA's own engine",
    "transformers-lmi": "LMI: language models, in AWS's image of vLLM under DJL Serving",
    "transformers-djl": "DJL Serving: language models by plain transformers, one request at a time",
    "triton-fil": "Triton with FIL: forests of XGBoost, LightGBM and scikit-learn",
    "triton-onnxruntime": "Triton with ONNX Runtime: ONNX",
    "triton-tensorflow": "Triton with TensorFlow: SavedModel",
    "triton-pytorch": "Triton with PyTorch: TorchScript",
    "triton-python": "Triton with Python: a model.py of your own, here for scikit-learn",
    "triton-vllm": "Triton with vLLM: language models",
    "triton-tensorrtllm": "Triton with TensorRT-LLM: language models",
}
PREDICTIVE = ("http-fastapi", "http-flask")
HYPERPOD = "hyperpod-eks"
HYPERPOD_MODES = {
    "deployment": "deployment: a Deployment and what belongs to it, of Kubernetes alone",
    "operator": "operator: an InferenceEndpointConfig, for HyperPod's inference operator",
}
SERVING_PROFILES = {
    "throughput": "throughput: many callers, one process a CPU",
    "latency": "latency: few callers with large batches, one process that uses every CPU",
}
PREDICTIVE_QUESTIONS = (
    "framework",
    "model_format",
    "model_path",
    "framework_version",
    "include_sample_model",
    "hyperpod_max_replicas",
)
LANGUAGE_MODEL_QUESTIONS = (
    "model_name",
    "model_revision",
    "hf_token",
    "hf_token_secret_arn",
    "model_parameters",
    "model_dtype",
    "max_model_len",
    "max_concurrency",
    "kv_cache_dtype",
    "chat_template",
    "extra_arguments",
    "hyperpod_token_secret",
)
TRITON_QUESTIONS = (
    "model_format",
    "model_path",
    "model_inputs",
    "max_batch_size",
    "max_queue_delay_us",
    "model_instances",
    "include_sample_model",
    "hyperpod_max_replicas",
)
NOT_IN_TRITON = ("chat_template", "extra_arguments")  # questions about language models

QUESTIONS = (
    "deployment_config",
    "deployment_target",
    "serving_profile",
    "base_image",
    "region",
    "instance_type",
    "include_tests",
    "instance_count",
    "role_arn",
    "build_target",
    "codebuild_compute_type",
    "project_name",
    "offline",
    *PREDICTIVE_QUESTIONS,
    *LANGUAGE_MODEL_QUESTIONS,
    *(name for name in TRITON_QUESTIONS if name not in PREDICTIVE_QUESTIONS),
    "hyperpod_cluster",
    "hyperpod_namespace",
    "hyperpod_mode",
    "hyperpod_replicas",
    "hyperpod_queue",
    "hyperpod_model_source",
)
MANAGED_QUESTIONS = ("instance_count", "role_arn")  # of the target managed-inference
HYPERPOD_QUESTIONS = tuple(name for name in QUESTIONS if name.startswith("hyperpod_"))
# Stored, but worked out by the template alone.
DERIVED = (
    *("model_facts", "engine_settings", "chat_template_text", "hosting", "pod_resources", "project_id"),
)
# What an MCP server may be asked for: not secrets, and not what is of one run or one folder only.
ASKABLE = (
    "deployment_config",
    "framework",
    "model_format",
    "model_name",
    "serving_profile",
    "base_image",
    "region",
    "instance_type",
    "framework_version",
    "max_model_len",
    "max_concurrency",
    "kv_cache_dtype",
)
KEPT = ("framework_version", "region", "base_image")  # questions that take more than they offer
SECRETS = ("hf_token",)
NEVER_SHOWN = (*SECRETS, "hyperpod_token_secret")  # a token may have been given by mistake
COUNTS = ("instance_count", "hyperpod_replicas", "hyperpod_max_replicas", "model_instances")
NUMBERS = ("max_model_len", "max_concurrency", "max_batch_size", "max_queue_delay_us", *COUNTS)
MAY_BE_ZERO = ("max_queue_delay_us",)
LARGEST_NUMBER = 10_000_000
KV_CACHE_DTYPES = {"auto": "auto: the model's own", "fp8": "fp8: half as large"}
LARGEST_COUNT = 1000
SWITCHES = ("include_sample_model", "include_tests", "offline")
YES = ("true", "yes", "y", "1", "on")
BOOLEANS = (*YES, "false", "no", "n", "0", "off")


@dataclass(frozen=True)
class Shape:
    """How a free-text answer must look."""

    pattern: re.Pattern[str]
    rule: str
    example: str


SHAPES = {
    "project_name": Shape(
        re.compile(r"(?=.{2,63}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*"),
        "2 to 63 lower-case letters, digits and single dashes, first a letter, last no dash",
        "abalone-age",
    ),
    "region": Shape(re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"), "an AWS region's name", "eu-west-1"),
    "base_image": Shape(
        re.compile(
            r"(?=.{1,255}\Z)[a-z0-9]+(([.]|_{1,2}|-+)[a-z0-9]+)*(:[0-9]{1,5}(?=/))?"
            r"(/[a-z0-9]+(([.]|_{1,2}|-+)[a-z0-9]+)*)*"
            r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
        ),
        "an image reference without spaces or variables",
        "public.ecr.aws/docker/library/python:3.12-slim",
    ),
    "model_name": Shape(
        re.compile(
            r"(?![^/]*(--|\.\.))[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/(?!.*(--|\.\.))[A-Za-z0-9][A-Za-z0-9._-]{0,95})?"
            r"|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()=+-]+)*/?"
        ),
        "the id of a model on the Hugging Face Hub, or an s3:// address",
        "Qwen/Qwen3-8B",
    ),
    "model_revision": Shape(
        re.compile(r"|(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}"), "a branch, tag or commit", "main"
    ),
    "hyperpod_cluster": Shape(
        re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"), "the name of a HyperPod cluster", "ml-cluster"
    ),
    "hyperpod_namespace": Shape(
        re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"), "a Kubernetes namespace", "hyperpod-ns-team-a"
    ),
    "hyperpod_queue": Shape(
        re.compile(r"|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
        "the name of a LocalQueue of Kueue",
        "hyperpod-ns-team-a-localqueue",
    ),
    "hyperpod_model_source": Shape(
        re.compile(
            r"|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()=+-]+)*/?"
            r"|fsx://fs-[0-9a-f]{8,17}/[a-z0-9]{1,32}(/(?![.]{1,2}(/|\Z))[A-Za-z0-9_.-]+)*/?"
            r"|pvc://[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(/(?![.]{1,2}(/|\Z))[A-Za-z0-9_.-]+)*/?"
        ),
        "an s3://, fsx:// or pvc:// address",
        "s3://bucket/models/chat/, fsx://fs-0123456789abcdef0/mountname/models/chat, pvc://fsx-claim/models/chat",
    ),
    "hyperpod_token_secret": Shape(
        re.compile(r"|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
        "the name of a Secret in the cluster, never a token itself",
        "hf-token",
    ),
    "hf_token": Shape(re.compile(r"[\x21-\x7e]{0,500}"), "a token", "hf_…, or set HF_TOKEN"),
    "hf_token_secret_arn": Shape(
        re.compile(r"|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}"),
        "the ARN of a secret",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf-token-a1b2c3",
    ),
    "model_parameters": Shape(
        re.compile(r"|[0-9]{1,4}(\.[0-9]{1,3})?"), "a number of billions of parameters", "7.6"
    ),
    "model_inputs": Shape(
        re.compile(rf"|{triton.TENSOR}( {triton.TENSOR})*"), "a type and dimensions for each input", "FP32[8]"
    ),
    "chat_template": Shape(
        re.compile(r"[^\x00-\x1f\x7f\x85\u2028\u2029]{0,4096}"),
        "a path, a model of the Hub or none, on one line",
        "~/chat_template.jinja",
    ),
    "role_arn": Shape(
        re.compile(
            r"|arn:aws[a-z-]*:iam::[0-9]{12}:role(?=/.{1,512}\Z)(/[A-Za-z0-9+=,.@_-]+)*/[A-Za-z0-9+=,.@_-]{1,64}"
        ),
        "the ARN of an IAM role",
        "arn:aws:iam::123456789012:role/service-role/inference",
    ),
    "model_path": Shape(
        re.compile(r"[^\x00-\x1f\x7f\x85\u2028\u2029]{0,4096}"), "a path on one line", "~/models/model.pkl"
    ),
}


def problem(question: str, value: object) -> str:
    """Return what is wrong with the shape of a free-text answer, or '' when nothing is.

    Looks at the text alone: it runs on every keystroke.
    """
    shape = SHAPES[question]
    if shape.pattern.fullmatch(str(value)):
        if isinstance(value, str) or question == "model_parameters":
            return ""
        return f"{question}: {value!r} was read as a number. Put it in quotes."
    shown = "what was given" if question in NEVER_SHOWN else _quoted(value)
    return f"{question}: {shown} is not {shape.rule}. Example: {shape.example}"


def default_region(environ: Mapping[str, str] = os.environ) -> str:
    """Return the region that the person's environment names, or us-east-1."""
    named = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    return named if problem("region", named) == "" else "us-east-1"


def whole_number(question: str, value: object) -> str:
    """Return what is wrong with a count, or ''."""
    smallest = 0 if question in MAY_BE_ZERO else 1
    largest = LARGEST_COUNT if question in COUNTS else LARGEST_NUMBER
    if isinstance(value, int) and not isinstance(value, bool) and smallest <= value <= largest:
        return ""
    rule = f"a whole number from {smallest} to {largest}"
    return f"{question}: {_quoted(value)} is not {rule}. Example: {1 if question in COUNTS else 16}"


def choices(question: str, framework: str = "", model_format: str = "", kept: str = "") -> dict[str, str]:
    """Return label -> value of what `question` offers.

    `kept` is an answer given before; it stays on offer even when the catalog has dropped it since,
    so that an update never undoes a decision.
    """
    values = _values(question, framework, model_format)
    if kept and kept not in values.values():
        values[f"{kept} (not in the catalog)"] = kept
    return values


def check(given: Mapping[str, Any], last: Mapping[str, Any] | None = None) -> None:
    """Refuse answers given beforehand (-d, --data-file) that cannot be used.

    `last` are the answers of before, on an update; they are not judged, given again or not: what was
    decided stays. Raises InvalidAnswer with one line a problem.
    """
    before = last or {}
    known = {**before, **given}
    given = {name: value for name, value in given.items() if name not in before or value != before[name]}
    problems = [*_unknown(given), *_misplaced(given, known), *_wrong_types(given)]
    if not problems:
        problems = [*_wrong_choices(given, known), *_wrong_shapes(given, known)]
    if not problems and known.get("deployment_target") == HYPERPOD:
        problems = _wrong_for_hyperpod(given, known)
    if not problems and "model_path" in given:
        problems = _wrong_model_path(known)
    if not problems and known.get("deployment_config") in triton.CONFIGS:
        problems = triton.problems(given, known)
    if problems:
        raise InvalidAnswer("\n".join(problems))


def check_destination(destination: Path) -> None:
    """Refuse to render into a place where something is already. Raises InvalidAnswer."""
    if destination.is_file():
        raise InvalidAnswer(f"destination: {destination} is a file. Give the name of a new folder.")
    if destination.is_dir() and any(path.name != ".git" for path in destination.iterdir()):
        raise InvalidAnswer(
            f"destination: {destination} exists and is not empty. Give the name of a new folder, "
            "or run `copier update` in it if it is a project of this template."
        )


def _values(question: str, framework: str, model_format: str) -> dict[str, str]:
    if question == "deployment_config":
        return {label: name for name, label in DEPLOYMENT_CONFIGS.items()}
    if question == "region":
        return {f"{name} ({region.title})": name for name, region in catalog.regions().items()}
    if question == "deployment_target":
        return {target.title: name for name, target in catalog.targets().items()}
    if question == "build_target":
        return {builder.title: name for name, builder in catalog.builders().items()}
    if question == "codebuild_compute_type":
        types = catalog.builders()["codebuild"].compute_types
        return {f"{name} ({title})": name for name, title in types.items()}
    if question == "hyperpod_mode":
        return {label: name for name, label in HYPERPOD_MODES.items()}
    if question == "serving_profile" and serves_language_model(framework):
        return {profile.title: name for name, profile in catalog.profiles().items()}
    if question == "serving_profile":
        return {label: name for name, label in SERVING_PROFILES.items()}
    if question == "base_image" and framework in triton.CONFIGS:
        return triton.image_choices(framework)
    if question == "base_image":
        default = catalog.default_image(framework)
        return engines.image_choices(framework) if framework in catalog.servers() else {default: default}
    if question == "kv_cache_dtype":
        server = catalog.servers().get(framework)
        kept = server is None or catalog.memory().engines[server.engine].fp8_kv_cache
        return {label: name for name, label in KV_CACHE_DTYPES.items() if kept or name == "auto"}
    if question == "model_dtype":
        return {entry.title: name for name, entry in catalog.memory().quantizations.items()}
    if question == "framework":
        return {facts.title: name for name, facts in catalog.frameworks().items()}
    if question == "model_format":
        return {f"{name} ({fmt.title})": name for name, fmt in catalog.formats(framework).items()}
    facts = catalog.frameworks()[framework]
    if question == "framework_version":
        return {version.number: version.number for version in facts.versions_for(model_format)}
    raise KeyError(question)


def serves_language_model(deployment_config: str) -> bool:
    """Return whether a deployment config is for language models."""
    return deployment_config not in (*PREDICTIVE, *triton.MODEL_CONFIGS)


def not_asked(deployment_config: str) -> set[str]:
    """Return the questions that are asked for other deployment configs alone."""
    asked: tuple[str, ...] = LANGUAGE_MODEL_QUESTIONS
    if deployment_config in PREDICTIVE:
        asked = PREDICTIVE_QUESTIONS
    elif deployment_config in triton.MODEL_CONFIGS:
        asked = TRITON_QUESTIONS
    others = {*PREDICTIVE_QUESTIONS, *LANGUAGE_MODEL_QUESTIONS, *TRITON_QUESTIONS} - set(asked)
    return others.union(NOT_IN_TRITON) if deployment_config in triton.CONFIGS else others


def relevant(values: Mapping[str, Any], deployment_config: str, deployment_target: str) -> dict[str, Any]:
    """Return the values of questions that are asked for a deployment config and target."""
    others = not_asked(deployment_config)
    others.update(MANAGED_QUESTIONS if deployment_target == HYPERPOD else HYPERPOD_QUESTIONS)
    return {name: value for name, value in values.items() if name not in others}


def check_complete(known: Mapping[str, Any]) -> None:
    """Refuse answers that lack what only a person can tell, when nobody is asked. Raises InvalidAnswer."""
    if known.get("deployment_target") == HYPERPOD and not known.get("hyperpod_cluster"):
        raise InvalidAnswer(problem("hyperpod_cluster", ""))


def replicas_problem(replicas: int, largest: object, mode: str = "deployment") -> str:
    """Return what is wrong with the most copies that may run, or ''."""
    if wrong := whole_number("hyperpod_max_replicas", largest):
        return wrong
    if mode == "operator" and largest != replicas:
        return "hyperpod_max_replicas: not for hyperpod_mode operator. Leave it out, or choose deployment."
    if isinstance(largest, int) and largest < replicas:
        return f"hyperpod_max_replicas: {largest} is less than hyperpod_replicas. Example: {2 * replicas}"
    return ""


def source_problem(value: str, model_name: str, mode: str, language_model: bool) -> str:
    """Return why a model cannot come to a pod from an address, or ''."""
    if wrong := problem("hyperpod_model_source", value):
        return wrong
    if model_name.startswith("s3://") and not value:
        return f"hyperpod_model_source: the model is not on the Hub. Example: {model_name}"
    if mode == "operator" and not value:
        if not language_model:
            return (
                "hyperpod_model_source: the inference operator mounts the model, it cannot be in the image. "
                "Give an address, or choose hyperpod_mode deployment. Example: s3://bucket/models/mine/"
            )
        if "/" not in model_name:
            return (
                f"hyperpod_model_source: the inference operator takes no model called {model_name} from the "
                "Hub, only organisation/name. Give an address, or choose hyperpod_mode deployment."
            )
    return ""


def _unknown(data: Mapping[str, Any]) -> list[str]:
    problems = []
    for key in data:
        if key in DERIVED:
            problems.append(f"{key}: is worked out by the template, not given. Leave it out.")
        elif key not in QUESTIONS:
            near = difflib.get_close_matches(key, QUESTIONS, n=1, cutoff=0.5)
            hint = (
                f"Did you mean {near[0]}?"
                if near
                else f"Known are {', '.join(QUESTIONS[:5])}, …; docs/questions.md lists all."
            )
            problems.append(f"{_quoted(key)} is not a question of this template. {hint}")
    return problems


def _misplaced(given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Return a line for each answer to a question that this deployment config or target does not ask."""
    config = str(known.get("deployment_config", next(iter(DEPLOYMENT_CONFIGS))))
    others = not_asked(config) if config in DEPLOYMENT_CONFIGS else set()
    examples = ("http-fastapi", "transformers-vllm", "triton-fil")
    problems = [
        f"{question}: not a question of deployment_config {config}. Leave it out, or choose "
        f"{next(name for name in examples if question not in not_asked(name))}."
        for question in given
        if question in others
    ]
    target = str(known.get("deployment_target", next(iter(catalog.targets()))))
    if target in catalog.targets():
        elsewhere = MANAGED_QUESTIONS if target == HYPERPOD else HYPERPOD_QUESTIONS
        needed = "managed-inference" if target == HYPERPOD else HYPERPOD
        problems += [
            f"{question}: not a question of deployment_target {target}. Leave it out, or choose {needed}."
            for question in given
            if question in elsewhere and question not in others
        ]
    if "codebuild_compute_type" in given and known.get("build_target", "local") != "codebuild":
        problems.append("codebuild_compute_type: only for build_target codebuild. Add it, or leave this out.")
    return problems


def _wrong_types(data: Mapping[str, Any]) -> list[str]:
    problems = []
    for question, value in data.items():
        if question in SWITCHES:
            if str(value).lower() not in BOOLEANS:
                problems.append(f"{question}: {_quoted(value)} is neither true nor false. Example: true")
        elif question in NUMBERS:
            problems.append(whole_number(question, _number(value)))
        elif not isinstance(value, (str, int, float)) or isinstance(value, bool):
            problems.append(f"{question}: {_quoted(value)} is not a text.")
    return [problem for problem in problems if problem]


def _number(value: object) -> object:
    """Return a count given as text as the number it is, and anything else as it is."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value


def _wrong_choices(given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    problems: list[str] = []

    def check_choice(question: str, offered: Iterable[str], of: str = "") -> bool:
        options = list(offered)
        value = str(known.get(question, options[0]))
        if value in options:
            return True
        if question in given:
            listed = ", ".join(options) if len(options) < 20 else _nearest(value, options)
            problems.append(f"{question}: {_quoted(value)} is not offered{of}. Choose one of {listed}.")
        return False

    on_nodes = check_choice("deployment_target", catalog.targets()) and (
        known.get("deployment_target") == HYPERPOD
    )
    check_choice("hyperpod_mode", HYPERPOD_MODES)
    types = catalog.hyperpod_nodes() if on_nodes else tuple(catalog.instances().values())
    where = " on HyperPod" if on_nodes else ""
    check_choice("build_target", catalog.builders())
    if known.get("build_target") == "codebuild":
        check_choice("codebuild_compute_type", catalog.builders()["codebuild"].compute_types)
    if not check_choice("deployment_config", DEPLOYMENT_CONFIGS):
        return problems
    config = str(known.get("deployment_config", PREDICTIVE[0]))
    if serves_language_model(config):
        check_choice("serving_profile", catalog.profiles())
        check_choice("model_dtype", catalog.memory().quantizations)
        check_choice("kv_cache_dtype", _values("kv_cache_dtype", config, "").values(), f" for {config}")
        check_choice("instance_type", [item.name for item in types], where)
        return problems
    check_choice("serving_profile", SERVING_PROFILES)
    check_choice("instance_type", [item.name for item in types if item.kind in ("cpu", "gpu")], where)
    if config in triton.MODEL_CONFIGS:
        check_choice("model_format", catalog.formats(config), f" for {config}")
        return problems
    if not check_choice("framework", catalog.frameworks()):
        return problems
    framework = str(known.get("framework", next(iter(catalog.frameworks()))))
    facts = catalog.frameworks()[framework]
    if check_choice("model_format", facts.formats, f" for {framework}") and "framework_version" in given:
        model_format = str(known.get("model_format", next(iter(facts.formats))))
        versions = [version.number for version in facts.versions_for(model_format)]
        check_choice("framework_version", versions, f" for {framework} and {model_format}")
    return problems


def _wrong_for_hyperpod(given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Return what does not go together among the answers for a HyperPod cluster."""
    mode = str(known.get("hyperpod_mode", "deployment"))
    source = str(known.get("hyperpod_model_source", ""))
    language_model = serves_language_model(str(known.get("deployment_config", PREDICTIVE[0])))
    model_name = str(known.get("model_name", "Qwen/Qwen3-8B")) if language_model else ""
    problems = []
    if given.keys() & {"deployment_target", "hyperpod_mode", "hyperpod_model_source", "model_name"}:
        source = source or (model_name if model_name.startswith("s3://") else "")
        problems.append(source_problem(source, model_name, mode, language_model))
    if "hyperpod_max_replicas" in given:
        replicas = int(known.get("hyperpod_replicas", 1))
        problems.append(replicas_problem(replicas, _number(given["hyperpod_max_replicas"]), mode))
    return [problem for problem in problems if problem]


def _wrong_shapes(data: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    problems = [text for name in SHAPES if name in data and (text := problem(name, data[name]))]
    if "extra_arguments" in data:
        said = extra_arguments.problem(data["extra_arguments"], str(known["deployment_config"]))
        problems += [said] if said else []
    if "base_image" in data and not problems:
        config = str(known.get("deployment_config", PREDICTIVE[0]))
        formats = catalog.triton()[config].formats if config in triton.CONFIGS else {}
        model_format = str(known.get("model_format") or next(iter(formats), ""))
        said = base_images.problem(str(data["base_image"]), config, model_format)
        problems += [said] if said else []
    return problems


def _wrong_model_path(data: Mapping[str, Any]) -> list[str]:
    given = str(data.get("model_path", ""))
    if not given:
        return []
    path = Path(os.path.expanduser(given))
    served = str(data.get("deployment_config"))
    if served not in triton.CONFIGS:
        served = str(data.get("framework", next(iter(catalog.frameworks()))))
    formats = catalog.formats(served)
    model_format = str(data.get("model_format", next(iter(formats))))
    wanted = formats[model_format].file
    if model_format == "SavedModel":
        if not os.path.isfile(path / "saved_model.pb"):
            return [f"model_path: {_quoted(given)} is no {model_format} directory (no saved_model.pb in it)."]
    elif not os.path.isfile(path):
        return [f"model_path: there is no file {_quoted(given)}. Example: ~/models/{wanted}"]
    elif path.suffix != Path(wanted).suffix:
        return [
            f"model_path: {_quoted(path.name)} does not end in {Path(wanted).suffix}, the ending of "
            f"model_format {model_format}. Give the format it was saved in, or rename the file."
        ]
    elif served in triton.CONFIGS and (wrong := triton.artefact_problem(path, model_format)):
        return [f"model_path: {_quoted(path.name)}: {wrong}."]
    return []


def _nearest(value: str, options: list[str]) -> str:
    return ", ".join(difflib.get_close_matches(value, options, n=4, cutoff=0.3) or options[:4]) + ", …"


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:56] + "…'"
