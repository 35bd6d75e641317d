"""What is said of answers that cannot be used, before anything is rendered."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..artifacts import model_folders, suitable
from ..catalog import catalog
from ..errors import redaction
from ..errors.errors import InvalidAnswer
from ..servers import extra_arguments, triton
from . import base_images, questions, shapes

SWITCHES = ("include_sample_model", "include_tests", "offline")
OF_COPIER = ("_src_path", "_commit")
YES = ("true", "yes", "y", "1", "on")
BOOLEANS = (*YES, "false", "no", "n", "0", "off")


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
    if not problems and known.get("deployment_target") == questions.HYPERPOD:
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


def check_complete(known: Mapping[str, Any]) -> None:
    """Refuse answers that lack what only a person can tell, when nobody is asked. Raises InvalidAnswer."""
    if known.get("deployment_target") == questions.HYPERPOD and not known.get("hyperpod_cluster"):
        raise InvalidAnswer(shapes.problem("hyperpod_cluster", ""))


def dropped_type(last: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Return a warning when a project's instance type is in the catalog no more and stays, or ''."""
    kept = last.get("instance_type")
    if not kept or kept in catalog.instances() or given.get("instance_type", kept) != kept:
        return ""
    return (
        f"instance_type: {kept} is no longer in the catalog. It is kept.\n"
        "To choose another: copier update --trust -d instance_type=..."
    )


def replicas_problem(replicas: int, largest: object, mode: str = "deployment") -> str:
    """Return what is wrong with the most copies that may run, or ''."""
    if wrong := shapes.whole_number("hyperpod_max_replicas", largest):
        return wrong
    if mode == "operator" and largest != replicas:
        return "hyperpod_max_replicas: not for hyperpod_mode operator. Leave it out, or choose deployment."
    if isinstance(largest, int) and largest < replicas:
        return f"hyperpod_max_replicas: {largest} is less than hyperpod_replicas. Example: {2 * replicas}"
    return ""


def source_problem(value: str, model_name: str, mode: str, language_model: bool) -> str:
    """Return why a model cannot come to a pod from an address, or ''."""
    if wrong := shapes.problem("hyperpod_model_source", value):
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


def path_problem(path: str, served: str, model_format: str) -> str:
    """Return why a model's path cannot be used, or ''. `served` is a framework or a Triton config.

    Looks at the file's first bytes at most: it runs on every keystroke.
    """
    kind = {"deployment_config": served} if served in triton.CONFIGS else {"framework": served}
    return "".join(_wrong_model_path({"model_path": path, "model_format": model_format, **kind})[:1])


def _unknown(data: Mapping[str, Any]) -> list[str]:
    problems = []
    for key in data:
        if key in questions.DERIVED:
            problems.append(f"{key}: is worked out by the template, not given. Leave it out.")
        elif key in OF_COPIER:
            problems.append(f"{key}: is written by Copier, not given. Leave it out.")
        elif key not in (*questions.QUESTIONS, *questions.NEVER_ASKED):
            near = difflib.get_close_matches(key, questions.QUESTIONS, n=1, cutoff=0.5)
            hint = (
                f"Did you mean {near[0]}?"
                if near
                else f"Known are {', '.join(questions.QUESTIONS[:5])}, …. See docs/reference/questions.md."
            )
            problems.append(f"{redaction.shown(key)} is not a question of this template. {hint}")
    return problems


def _misplaced(given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Return a line for each answer to a question that this deployment config or target does not ask."""
    config = str(known.get("deployment_config", next(iter(questions.DEPLOYMENT_CONFIGS))))
    others = questions.not_asked(config) if config in questions.DEPLOYMENT_CONFIGS else set()
    examples = ("http-fastapi", "transformers-vllm", "triton-fil")
    problems = [
        f"{question}: not a question of deployment_config {config}. Leave it out, or choose "
        f"{next(name for name in examples if question not in questions.not_asked(name))}."
        for question in given
        if question in others
    ]
    target = str(known.get("deployment_target", next(iter(catalog.targets()))))
    if target in catalog.targets():
        elsewhere = (
            questions.MANAGED_QUESTIONS if target == questions.HYPERPOD else questions.HYPERPOD_QUESTIONS
        )
        needed = "managed-inference" if target == questions.HYPERPOD else questions.HYPERPOD
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
                problems.append(
                    f"{question}: {shapes.shown(question, value)} is neither true nor false. Example: true"
                )
        elif question in shapes.NUMBERS:
            problems.append(shapes.whole_number(question, _number(value)))
        elif not isinstance(value, (str, int, float)) or isinstance(value, bool):
            problems.append(f"{question}: {shapes.shown(question, value)} is not a text.")
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
            problems.append(
                f"{question}: {shapes.shown(question, value)} is not offered{of}. Choose one of {listed}."
            )
        return False

    on_nodes = check_choice("deployment_target", catalog.targets()) and (
        known.get("deployment_target") == questions.HYPERPOD
    )
    check_choice("hyperpod_mode", questions.HYPERPOD_MODES)
    types = catalog.hyperpod_nodes() if on_nodes else tuple(catalog.instances().values())
    where = " on HyperPod" if on_nodes else ""
    check_choice("build_target", catalog.builders())
    if known.get("build_target") == "codebuild":
        check_choice("codebuild_compute_type", catalog.builders()["codebuild"].compute_types)
    if not check_choice("deployment_config", questions.DEPLOYMENT_CONFIGS):
        return problems
    config = str(known.get("deployment_config", questions.PREDICTIVE[0]))
    if questions.serves_language_model(config):
        check_choice("serving_profile", catalog.profiles())
        check_choice("model_dtype", catalog.memory().quantizations)
        check_choice("kv_cache_dtype", questions.choices("kv_cache_dtype", config).values(), f" for {config}")
        check_choice("instance_type", [item.name for item in types], where)
        return problems
    check_choice("serving_profile", questions.SERVING_PROFILES)
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
    language_model = questions.serves_language_model(
        str(known.get("deployment_config", questions.PREDICTIVE[0]))
    )
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
    problems = [text for name in shapes.SHAPES if name in data and (text := shapes.problem(name, data[name]))]
    if "extra_arguments" in data:
        said = extra_arguments.problem(data["extra_arguments"], str(known["deployment_config"]))
        problems += [said] if said else []
    if "base_image" in data and not problems:
        config = str(known.get("deployment_config", questions.PREDICTIVE[0]))
        formats = catalog.triton()[config].formats if config in triton.CONFIGS else {}
        model_format = str(known.get("model_format") or next(iter(formats), ""))
        pythons = _pythons(known) if config in questions.PREDICTIVE else ()
        said = base_images.problem(str(data["base_image"]), config, model_format, pythons)
        problems += [said] if said else []
    return problems


def _pythons(known: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the versions of Python that the version given, or else the one that suits the model, runs on."""
    framework = str(known.get("framework", next(iter(catalog.frameworks()))))
    facts = catalog.frameworks()[framework]
    model_format = str(known.get("model_format", next(iter(facts.formats))))
    chosen = suitable.best(framework, model_format, str(known.get("model_path", ""))).number
    return catalog.pythons(framework, str(known.get("framework_version", chosen)))


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
            return [
                f"model_path: {redaction.shown(given)} is no {model_format} directory "
                "(no saved_model.pb in it)."
            ]
        if wrong := model_folders.folder_problem(path):
            return [
                f"model_path: {redaction.shown(given)} is not whole: {wrong}. Give a complete copy (cp -rL)."
            ]
    elif not os.path.isfile(path):
        return [f"model_path: there is no file {redaction.shown(given)}. Example: ~/models/{wanted}"]
    elif served not in triton.CONFIGS and (
        wrong := suitable.problem(served, model_format, given, str(data.get("framework_version", "")))
    ):
        return [f"model_path: {wrong}"]
    elif path.suffix != Path(wanted).suffix:
        return [
            f"model_path: {redaction.shown(path.name)} does not end in {Path(wanted).suffix}, the ending of "
            f"model_format {model_format}. Give the format it was saved in, or rename the file."
        ]
    elif wrong := model_folders.file_problem(path) if model_format in ("joblib", "pkl") else "":
        return [f"model_path: {redaction.shown(path.name)}: {wrong}."]
    elif served in triton.CONFIGS:
        image = str(data.get("base_image", ""))
        if wrong := triton.artefact_problem(path, served, model_format, image):
            return [f"model_path: {redaction.shown(path.name)}: {wrong}."]
    return []


def _nearest(value: str, options: list[str]) -> str:
    return ", ".join(difflib.get_close_matches(value, options, n=4, cutoff=0.3) or options[:4]) + ", …"
