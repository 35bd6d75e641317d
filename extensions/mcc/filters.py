"""The Jinja face: names used in questions/ and template/ to functions. No logic of its own."""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import yaml
from copier.errors import UserMessageError

from . import (
    answers,
    base_images,
    catalog,
    chat_templates,
    cpu_sizer,
    defaults,
    engines,
    extra_arguments,
    hosting,
    hub,
    language_model,
    pods,
    questions,
    quoting,
    shapes,
    suitable,
    summary,
    triton,
)
from .errors import InvalidAnswer, MccError

P = ParamSpec("P")
T = TypeVar("T")


def told_to_the_user(function: Callable[P, T]) -> Callable[P, T]:
    """Let an error of ours end Copier with its text alone, instead of a traceback."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except MccError as error:
            raise UserMessageError(str(error)) from None

    return wrapper


def check_answers(conf: Mapping[str, Any]) -> str:
    """Refuse a used destination and unusable answers before the first question."""
    given = {key: value for key, value in conf["data"].items() if not key.startswith("_")}
    if is_new_project(conf):
        answers.check_destination(Path(conf["dst_path"]))
    if not made_by_update(conf):
        answers.check(given, last_answers(conf))
        if conf["defaults"]:
            answers.check_complete({**defaults.of_run().outside.values, **last_answers(conf), **given})
    if is_new_project(conf):
        asks = not (hub.offline() or str(given.get("offline", "")).lower() in answers.YES)
        for note in defaults.check(given, asks):
            print(note, file=sys.stderr)
    return ""


def choices(question: str, framework: str = "", model_format: str = "", kept: str = "") -> dict[str, str]:
    """Return label -> value of what a question offers, a setting from outside included."""
    outside = defaults.of_run().outside
    kept = kept or str(outside.values.get(question, ""))
    offered = questions.choices(question, framework, model_format, kept if question in questions.KEPT else "")
    return suggested_first(offered, outside.choices.get(question, []))


def suggested_first(offered: Mapping[str, Any], suggested: Sequence[Any]) -> dict[str, Any]:
    """Return label -> value with the values that an MCP server suggests in front, in its order."""
    places = {value: place for place, value in enumerate(suggested)}

    def place(label: str) -> int:
        value = offered[label]
        return places.get(value, len(places)) if isinstance(value, str) else len(places)

    return {label: offered[label] for label in sorted(offered, key=place)}


def changes_of_stack(conf: Mapping[str, Any]) -> str:
    """Return a warning when an update was told to go to another server, framework or model."""
    decisive = ("deployment_config", "deployment_target", "framework", "model_name")
    changed = [name for name in decisive if name in conf["data"]]
    if not changed:
        return ""
    return (
        f"{' and '.join(changed)} will be changed: files of the old choice are deleted, edited ones, too. "
        "git still has what was committed; the instance type is chosen anew for another language model."
    )


def setting(fallback: Any, name: str) -> Any:
    """Return the default of a question: a setting from outside, else `fallback`."""
    return defaults.of_run().value(name, fallback)


def origins(conf: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, str]:
    """Return where each stored answer comes from that is not the template's own."""
    return defaults.of_run().origins(conf["data"], stored)


def wants_token() -> bool:
    """Return whether a token is worth asking for: the Hub will be asked, and none is known yet."""
    return not (
        hub.offline() or os.environ.get("HF_TOKEN") or defaults.of_run().outside.values.get("hf_token")
    )


def is_new_project(conf: Mapping[str, Any]) -> bool:
    """Return whether this is a person's `copier copy` to a new place."""
    exists = (Path(conf["dst_path"]) / conf["answers_file"]).exists()
    return not made_by_update(conf) and not conf["overwrite"] and not exists


def made_by_update(conf: Mapping[str, Any]) -> bool:
    """Return whether this is one of the two copies an update makes for itself.

    It renders the old answers (which carry _src_path) and the new ones into folders of its own.
    """
    return "_src_path" in conf["data"] or any(".new_copy." in part for part in Path(conf["dst_path"]).parts)


def last_answers(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored answers of the project at the destination, {} when there is none."""
    try:
        stored = yaml.safe_load((Path(conf["dst_path"]) / conf["answers_file"]).read_text("utf-8"))
    except OSError:
        return {}
    return stored if isinstance(stored, dict) else {}


def default_project_name(destination: os.PathLike[str]) -> str:
    """Return the destination's own name when it can be a project's, else a plain one."""
    name = Path(destination).resolve().name
    return name if shapes.problem("project_name", name) == "" else "my-model"


def default_format(served: str) -> str:
    """Return the first format of a framework or of a Triton backend."""
    return next(iter(catalog.formats(served)))


def default_version(framework: str, model_format: str, model_path: str = "") -> str:
    """Return the version of a framework that suits a model, or else the one it is offered in."""
    return suitable.best(framework, model_format, model_path).number


def model_problem(model_path: str, framework: str, model_format: str, conf: Mapping[str, Any]) -> str:
    """Return why no version of a framework can serve the model of a new project, or ''."""
    if not is_new_project(conf) or not model_path:
        return ""
    wrong = suitable.problem(framework, model_format, model_path)
    return f"model_path: {wrong}" if wrong else ""


def default_image(
    deployment_config: str, model_format: str = "", framework: str = "", version: str = ""
) -> str:
    """Return the image a project's own is built from: of a predictive one, with a Python for its version."""
    if deployment_config in questions.PREDICTIVE and framework:
        return catalog.python_image(framework, version)
    return catalog.default_image(deployment_config, model_format)


def image_problem(
    image: str, deployment_config: str, model_format: str = "", framework: str = "", version: str = ""
) -> str:
    """Return why an image cannot serve a deployment config, or ''."""
    predictive = deployment_config in questions.PREDICTIVE and framework
    pythons = catalog.pythons(framework, version) if predictive else ()
    return base_images.problem(image, deployment_config, model_format, pythons)


def version_problem(
    version: str, framework: str, model_format: str, model_path: str, conf: Mapping[str, Any]
) -> str:
    """Return why a version is another framework's or cannot serve the model of a new project, or ''.

    One the catalog has dropped is no other's.
    """
    if is_new_project(conf) and (wrong := suitable.problem(framework, model_format, model_path, version)):
        return f"framework_version: {wrong}"
    of = [
        name for name, facts in catalog.frameworks().items() if version in {v.number for v in facts.versions}
    ]
    if not of or framework in of:
        return ""
    return f"framework_version: {version} is one of {of[0]}. Example: {default_version(framework, '')}"


def model_file(served: str, model_format: str) -> str:
    """Return the name of a project's model, of a framework or of a Triton backend."""
    return catalog.formats(served)[model_format].file


def default_max_concurrency(profile: str) -> int:
    """Return the requests at once that a serving profile asks for."""
    return catalog.profiles()[profile].max_concurrency


def check_for_model(conf: Mapping[str, Any], model_facts: Mapping[str, Any]) -> str:
    """Refuse a length given beforehand that the language model does not take."""
    given = conf["data"].get("max_model_len")
    if model_facts and given is not None and is_new_project(conf):
        problem = language_model.length_problem(int(given), model_facts)
        if problem:
            raise InvalidAnswer(problem)
    return ""


def instance_choices(need: Mapping[str, Any], kept: str, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return label -> instance type, cheapest first, of what serves a need.

    Raises when a person's own choice for a new project cannot serve a language model.
    """
    outside = defaults.of_run().outside
    suggested = outside.choices.get("instance_type", [])
    kept = kept or outside.values.get("instance_type", "")
    if "framework" in need:
        size = cpu_sizer.model_bytes(need["model_path"])
        offered = cpu_sizer.labels(need["framework"], size, need["profile"], kept, pods.nodes(need))
        return suggested_first(offered, suggested)
    given = conf["data"].get("instance_type") or outside.values.get("instance_type")
    if given and is_new_project(conf) and (refusal := language_model.sized(need).refusal(given)):
        raise InvalidAnswer(refusal)
    return suggested_first(language_model.choices(need, kept), suggested)


def default_instance(need: Mapping[str, Any]) -> str:
    """Return the cheapest instance type that serves a need and takes no other processor to build for."""
    if "framework" in need:
        size = cpu_sizer.model_bytes(need["model_path"])
        return cpu_sizer.default_instance(need["framework"], size, need["profile"], pods.nodes(need)).name
    return language_model.default_instance(need)


def stale_instance(
    instance_type: str, need: Mapping[str, Any], settings: Mapping[str, Any], conf: Mapping[str, Any]
) -> str:
    """Return why a kept instance type was chosen for another language model, or ''.

    `settings` are the engine settings of before. A type that a person names now is theirs to name.
    """
    before = settings.get("sized_for", {})
    kept = instance_type == before.get("instance_type") and "instance_type" not in conf["data"]
    if "framework" in need or not kept or before["model"] == need["model"]["name"]:
        return ""
    return "" if instance_type == default_instance(need) else f"{instance_type} was for {before['model']}"


def architecture(instance_type: str) -> str:
    """Return amd64 or arm64, the processor that container platforms name.

    A type the catalog has dropped since is judged by its name: a g after the generation is Graviton.
    """
    known = catalog.instances().get(instance_type)
    if known is None:
        return "arm64" if re.match(r"ml\.[a-z]+[0-9]+g", instance_type) else "amd64"
    return {"x86_64": "amd64", "arm64": "arm64"}[known.arch]


def base_repository(image: str) -> str:
    """Return the ARN of the private ECR repository that an image is pulled from, '' when it is elsewhere."""
    parts = re.match(r"([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/([^:@]+)", image)
    if parts is None:
        return ""
    account, region, china, name = parts.groups()
    partition = "aws-cn" if china else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:ecr:{region}:{account}:repository/{name}"


def model_arns(address: str) -> dict[str, str]:
    """Return the ARNs of the bucket and of the objects of s3://bucket/prefix/ or s3://bucket/key.

    The partition is left to be filled in.
    """
    bucket, _, key = address.removeprefix("s3://").partition("/")
    arn = "arn:{partition}:s3:::" + bucket
    return {"bucket": arn, "objects": f"{arn}/{key}" + ("*" if key.endswith("/") or not key else "")}


FILTERS: dict[str, Callable[..., Any]] = {
    "account": lambda role_arn: role_arn.split(":")[4] if role_arn else "",
    "after_copy": summary.after_copy,
    "architecture": architecture,
    "arguments_of": extra_arguments.parsed,
    "carriers": engines.carriers,
    "check_for_model": told_to_the_user(check_for_model),
    "check_answers": told_to_the_user(check_answers),
    "base_repository": base_repository,
    "build_image": lambda architecture: catalog.builders()["codebuild"].images[architecture],
    "choices": choices,
    "default_chat_template": language_model.default_chat_template,
    "default_format": default_format,
    "command_requirements": lambda target: catalog.targets()[target].requirements,
    "count_problem": lambda value, question: shapes.whole_number(question, value),
    "default_batch_size": lambda deployment_config: catalog.triton()[deployment_config].max_batch_size,
    "default_image": default_image,
    "default_max_concurrency": default_max_concurrency,
    "default_max_model_len": language_model.default_max_model_len,
    "default_instance": told_to_the_user(default_instance),
    "default_project_name": default_project_name,
    "default_version": default_version,
    "dockerfile": told_to_the_user(quoting.dockerfile),
    "driver_ami": engines.driver_ami,
    "engine_settings": told_to_the_user(language_model.settings),
    "extra_arguments_problem": extra_arguments.problem,
    "fixed_environment": engines.fixed_environment,
    "gpu_needs": language_model.gpu_needs,
    "gpu_lines": engines.gpu_lines,
    "image_in": engines.image_in,
    "image_problem": image_problem,
    "hosting": told_to_the_user(hosting.hosting),
    "inputs_problem": triton.inputs_problem,
    "instance_choices": told_to_the_user(instance_choices),
    "model_arns": model_arns,
    "model_file": model_file,
    "model_problem": model_problem,
    "json": quoting.json,
    "length_problem": language_model.length_problem,
    "look_up": told_to_the_user(language_model.look_up),
    "look_up_chat_template": told_to_the_user(chat_templates.look_up),
    "memory_picture": told_to_the_user(language_model.picture),
    "other_names": engines.other_names,
    "problem": lambda value, question: shapes.problem(question, value),
    "requirements": catalog.requirements,
    "sizing_summary": language_model.summary,
    "setting": told_to_the_user(setting),
    "project_id": hosting.project_id,
    "python": quoting.python,
    "pythons": lambda framework, version: list(catalog.pythons(framework, version)),
    "server": lambda deployment_config: catalog.servers()[deployment_config],
    "stale_chat_template": chat_templates.stale,
    "stale_facts": language_model.stale_facts,
    "stale_hosting": hosting.stale_hosting,
    "stale_instance": stale_instance,
    "stale_settings": language_model.stale_settings,
    "replicas_problem": lambda value, replicas: answers.replicas_problem(replicas, value),
    "source_problem": answers.source_problem,
    "version_problem": version_problem,
    "model_volume": pods.model_volume,
    "pod_environment": pods.environment,
    "pod_resources": told_to_the_user(pods.resources),
    "stale_pods": pods.stale,
    "toml": quoting.toml,
    "triton_backend": lambda deployment_config: catalog.triton()[deployment_config],
    "triton_file": triton.checked_file,
    "triton_instances": triton.default_instances,
    "triton_requirements": triton.requirements,
    "triton_settings": triton.settings,
    "yaml": quoting.yaml,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "changes_of_stack": changes_of_stack,
    "default_region": shapes.default_region,
    "origins": origins,
    "wants_token": wants_token,
    "offline_by_environment": hub.offline,
}
