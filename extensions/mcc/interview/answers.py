"""Check answers before anything is rendered."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..artifacts import suitable
from ..catalog import catalog, pipelines
from ..errors import redaction
from ..errors.errors import InvalidAnswer
from ..models import model_kinds
from ..servers import extra_arguments, triton
from . import answer_formats, base_images, company, hyperpod_answers, model_path, questions
from .copier_run import YES

SWITCHES = (
    "include_sample_model",
    "include_tests",
    "network_isolation",
    "offline",
    "pandas",
    "private_index",
    "tools",
    "trust_remote_code",
)
OF_COPIER = ("_src_path", "_commit")
BOOLEANS = (*YES, "false", "no", "n", "0", "off")


def check(given: Mapping[str, Any], last: Mapping[str, Any] | None = None) -> None:
    """Refuse answers given beforehand (-d, --data-file) that cannot be used.

    `last` are the answers of before, on an update; they are not judged, given again or not: what was
    decided stays. Raises InvalidAnswer with one line a problem.
    """
    before = last or {}
    known = {**before, **given}
    if given.get("model_path") and "model_path" not in before:
        known = model_path.decided(known)
    given = {name: value for name, value in given.items() if name not in before or value != before[name]}
    problems = [*_unknown(given), *_misplaced(given, known), *_wrong_types(given)]
    if not problems:
        problems = [*_wrong_choices(given, known), *_wrong_formats(given, known)]
    if not problems and known.get("deployment_target") == questions.HYPERPOD:
        problems = hyperpod_answers.problems(given, known)
    if not problems and "model_path" in given:
        problems = model_path.problems(known)
    if not problems and known.get("deployment_config") in triton.CONFIGS:
        problems = triton.problems(given, known)
    if not problems:
        problems = company.problems(given, known)
    if problems:
        raise InvalidAnswer("\n".join(problems))


def check_destination(destination: Path) -> None:
    """Refuse to render into a place where something is already. Raises InvalidAnswer."""
    if destination.is_file():
        raise InvalidAnswer(
            f"destination: {destination} is a file. Give the name of a new folder. Example: ./my-model"
        )
    if destination.is_dir() and any(path.name != ".git" for path in destination.iterdir()):
        raise InvalidAnswer(
            f"destination: {destination} exists and is not empty. Give the name of a new folder, "
            "or run `copier update` in it if it is a project of this template."
        )


def check_complete(known: Mapping[str, Any]) -> None:
    """Raise InvalidAnswer if a required answer is missing and no prompt can ask for it."""
    if known.get("deployment_target") == questions.HYPERPOD and not known.get("hyperpod_cluster"):
        raise InvalidAnswer(answer_formats.problem("hyperpod_cluster", ""))


def dropped_type(last: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Return a warning when a project's instance type is in the catalog no more and stays, or ''."""
    kept = last.get("instance_type")
    if not kept or kept in catalog.instances() or given.get("instance_type", kept) != kept:
        return ""
    return (
        f"instance_type: {kept} is no longer in the catalog. It is kept.\n"
        "To choose another: copier update --trust -d instance_type=..."
    )


def _unknown(data: Mapping[str, Any]) -> list[str]:
    problems = []
    for key in data:
        if key in questions.DERIVED:
            problems.append(f"{key}: is computed by the template. Remove it.")
        elif key in OF_COPIER:
            problems.append(f"{key}: is written by Copier. Remove it.")
        elif key not in (*questions.QUESTIONS, *questions.NEVER_ASKED):
            near = difflib.get_close_matches(key, questions.QUESTIONS, n=1, cutoff=0.5)
            hint = (
                f"Did you mean {near[0]}?"
                if near
                else f"See docs/reference/questions.md. Examples: {', '.join(questions.QUESTIONS[:3])}."
            )
            problems.append(f"{redaction.shown(key)} is not a question of this template. {hint}")
    return problems


def _misplaced(given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Return a line for each answer to a question that this deployment config or target does not ask."""
    config = str(known.get("deployment_config", next(iter(questions.DEPLOYMENT_CONFIGS))))
    others = questions.not_asked(config) if config in questions.DEPLOYMENT_CONFIGS else set()
    examples = ("http-fastapi", "transformers-vllm", "triton-fil")
    problems = [
        f"{question}: not a question of deployment_config {config}. Remove it, or choose "
        f"{next(name for name in examples if question not in questions.not_asked(name))}."
        for question in given
        if question in others
    ]
    target = str(known.get("deployment_target", next(iter(catalog.targets()))))
    if target in catalog.targets():
        elsewhere = questions.not_of_target(target)
        problems += [
            f"{question}: not a question of deployment_target {target}. Remove it, or choose "
            f"{_target_with(question)}."
            for question in given
            if question in elsewhere and question not in others
        ]
        if target in questions.PREDICTIVE_TARGETS and target not in questions.targets_of(config):
            problems.append(
                f"deployment_target: {target} runs predictive models, without GPUs. Choose "
                f"deployment_config {' or '.join(questions.PREDICTIVE)}, or managed-inference."
            )
    framework = known.get("framework", next(iter(catalog.frameworks())))
    if "pandas" in given and "pandas" not in others and framework != "sklearn":
        problems.append("pandas: needs framework=sklearn. Set it, or remove this answer.")
    if "codebuild_compute_type" in given and known.get("build_target", "local") != "codebuild":
        problems.append(
            "codebuild_compute_type: needs build_target=codebuild. Set it, or remove this answer."
        )
    if known.get("build_target") == "codebuild" and str(given.get("private_index")).lower() in YES:
        problems.append("private_index: CodeBuild does not have your pip settings. Use build_target=local.")
    if problem := answer_formats.ci_problem(
        str(known.get("ci", "none")),
        "." if known.get("deployment_config", questions.PREDICTIVE[0]) in questions.PREDICTIVE else "",
        str(known.get("build_target", "local")),
    ):
        problems.append(problem)
    return problems


def _target_with(question: str) -> str:
    """Return the first deployment target that asks a question."""
    return next(name for name in catalog.targets() if question not in questions.not_of_target(name))


def _wrong_types(data: Mapping[str, Any]) -> list[str]:
    problems = []
    for question, value in data.items():
        if question in SWITCHES:
            if str(value).lower() not in BOOLEANS:
                shown = answer_formats.shown(question, value)
                problems.append(f"{question}: {shown} is not true or false. Example: true")
        elif question in answer_formats.NUMBERS:
            problems.append(answer_formats.whole_number(question, answer_formats.number(value)))
        elif not isinstance(value, (str, int, float)) or isinstance(value, bool):
            problems.append(
                f"{question}: {answer_formats.shown(question, value)} is not text. Put it in quotes."
            )
    return [problem for problem in problems if problem]


def _wrong_choices(given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    problems: list[str] = []

    def check_choice(question: str, offered: Iterable[str], of: str = "") -> bool:
        options = list(offered)
        value = str(known.get(question, options[0]))
        if value in options:
            return True
        if question in given:
            listed = ", ".join(options) if len(options) < 20 else _nearest(value, options)
            shown = answer_formats.shown(question, value)
            problems.append(f"{question}: {shown} is not available{of}. Choose one of {listed}.")
        return False

    on_nodes = check_choice("deployment_target", catalog.targets()) and (
        known.get("deployment_target") == questions.HYPERPOD
    )
    check_choice("hyperpod_mode", questions.HYPERPOD_MODES)
    types = catalog.hyperpod_nodes() if on_nodes else tuple(catalog.instances().values())
    where = " on HyperPod" if on_nodes else ""
    if known.get("deployment_target") == questions.BATCH:
        types, where = questions.batch_instances(), " for batch transform jobs"
    check_choice("build_target", catalog.builders())
    check_choice("ci", pipelines.pipelines())
    if known.get("build_target") == "codebuild":
        check_choice("codebuild_compute_type", catalog.builders()["codebuild"].compute_types)
    if not check_choice("deployment_config", questions.DEPLOYMENT_CONFIGS):
        return problems
    config = str(known.get("deployment_config", questions.PREDICTIVE[0]))
    if questions.serves_language_model(config):
        check_choice("serving_profile", catalog.profiles())
        check_choice("model_kind", model_kinds.CHOICES)
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
        if not facts.resolvable(str(given["framework_version"])):
            check_choice("framework_version", versions, f" for {framework} and {model_format}")
    return problems


def _wrong_formats(data: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    problems = [
        text
        for name in answer_formats.FORMATS
        if name in data and (text := answer_formats.problem(name, data[name]))
    ]
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
    """Return the versions of Python that the version given, or else the one that suits the model, runs on.

    Those of a version without a lock are not known yet.
    """
    framework = str(known.get("framework", next(iter(catalog.frameworks()))))
    facts = catalog.frameworks()[framework]
    model_format = str(known.get("model_format", next(iter(facts.formats))))
    chosen = suitable.best(framework, model_format, str(known.get("model_path", ""))).number
    number = str(known.get("framework_version", chosen))
    return () if facts.resolvable(number) else catalog.pythons(framework, number)


def _nearest(value: str, options: list[str]) -> str:
    return ", ".join(difflib.get_close_matches(value, options, n=4, cutoff=0.3) or options[:4]) + ", …"
