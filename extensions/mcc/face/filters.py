"""The Jinja face: names used in questions/ and template/ to functions. No logic of its own."""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import yaml
from copier.errors import UserMessageError

from ..artifacts import suitable
from ..catalog import catalog
from ..errors.errors import InvalidAnswer, MccError, UnsizableModel
from ..interview import (
    answers,
    base_images,
    chat_templates,
    defaults,
    language_model,
    questions,
    shapes,
    stored,
    summary,
)
from ..models import hub
from ..servers import compatibility, engines, extra_arguments, triton
from ..sizing import cpu_sizer
from ..sources import history
from ..targets import hosting, pods
from . import documentation, quoting

P = ParamSpec("P")
T = TypeVar("T")
COPY = re.compile(r"copier\..*\.(old|new)_copy\..+")  # temporary folders of `copier update`


def told_to_the_user(function: Callable[P, T]) -> Callable[P, T]:
    """Let an error of ours end Copier with its text alone, instead of a traceback."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except MccError as error:
            raise UserMessageError(str(error)) from None

    return wrapper


@cache
def report(line: str) -> None:
    """Print a line on stderr, once however often Copier evaluates a question."""
    print(line, file=sys.stderr)


def check_answers(conf: Mapping[str, Any]) -> str:
    """Refuse a used destination and unusable answers before the first question."""
    given = dict(conf["data"])
    if made_by_update(conf):
        stored.check(given, conf["answers_file"])
        return ""
    last = last_answers(conf)
    stored.check(last, conf["answers_file"])
    if is_new_project(conf):
        answers.check_destination(Path(conf["dst_path"]))
    answers.check(given, last)
    if conf["defaults"]:
        answers.check_complete({**defaults.of_run().outside.values, **last, **given})
    if note := answers.dropped_type(last, given):
        report(note)
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


def before_update(conf: Mapping[str, Any]) -> str:
    """Return what to know before an update: files of a choice that is given up, library files edited here."""
    return "\n".join(filter(None, (changes_of_stack(conf), edited_library(conf))))


def changes_of_stack(conf: Mapping[str, Any]) -> str:
    """Return a warning when an update changes the server, the framework or the model."""
    decisive = ("deployment_config", "deployment_target", "framework", "model_name")
    changed = [name for name in decisive if name in conf["data"]]
    if not changed:
        return ""
    return (
        f"{' and '.join(changed)} will change: files of the old choice are deleted, also edited ones. "
        "Committed versions stay in git. For another language model, the instance type is chosen again."
    )


def edited_library(conf: Mapping[str, Any]) -> str:
    """Return a warning that names the library files which were edited in the project."""
    commit = str(last_answers(conf).get("_commit", ""))
    edited = history.edited(Path(conf["dst_path"]), Path(conf["src_path"]), commit) if commit else []
    if not edited:
        return ""
    listed = "\n".join(f"  {name}" for name in edited)
    return (
        f"These library files were edited in this project:\n{listed}\n"
        "The update merges your edits, but loses them where the template moved or deleted the file. "
        "`git diff` shows the result."
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

    It renders the old answers and the new ones into temporary folders whose names nothing else has; what the
    answers say of it does not count, for anybody can write them.
    """
    return any(COPY.fullmatch(part) for part in Path(conf["dst_path"]).parts)


def last_answers(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored answers of the project at the destination, {} when there is none."""
    try:
        stored = yaml.safe_load((Path(conf["dst_path"]) / conf["answers_file"]).read_text("utf-8"))
    except OSError:
        return {}
    return stored if isinstance(stored, dict) else {}


def with_absolute_source(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers to store, with an absolute path where the template was copied from a relative one.

    Copier stores the path as typed, and an update would look for it from inside the project.
    """
    source = stored.get("_src_path", "")
    return {**stored, "_src_path": os.path.abspath(source)} if os.path.exists(source) else dict(stored)


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


def model_problem(
    image: str, deployment_config: str, model_facts: Mapping[str, Any], conf: Mapping[str, Any]
) -> str:
    """Return why an image that was chosen at a prompt cannot load the model, or ''.

    What is given beforehand is refused by check_for_model, with a message of its own.
    """
    if conf["defaults"] or "base_image" in conf["data"] or not is_new_project(conf):
        return ""
    return compatibility.refusal(compatibility.of_answer(model_facts), deployment_config, image)


def check_for_model(
    conf: Mapping[str, Any], model_facts: Mapping[str, Any], deployment_config: str, image: str
) -> str:
    """Refuse a server's version that cannot load the language model, and a length that it does not take.

    A project that exists keeps what was decided, with a warning.
    """
    if model_facts:
        model = compatibility.of_answer(model_facts)
        refusal = compatibility.refusal(model, deployment_config, image)
        if refusal and is_new_project(conf):
            raise InvalidAnswer(f"base_image: {refusal}")
        if refusal and not made_by_update(conf):
            print(f"base_image: {refusal}", file=sys.stderr)
    given = conf["data"].get("max_model_len")
    if model_facts and given is not None and is_new_project(conf):
        problem = language_model.length_problem(int(given), model_facts)
        if problem:
            raise InvalidAnswer(problem)
    return ""


def gpu_lines(instance_type: str, count: int) -> list[str]:
    """Return the name and compute capability of each GPU of a type, or of `count` of a type dropped since."""
    return engines.gpu_lines(instance_type) or language_model.gpus_of_dropped(instance_type, count)


def known_size(parameters: str, name: str, conf: Mapping[str, Any]) -> str:
    """Return a model's number of parameters as it is; refuse none where nobody can be asked for it."""
    if not parameters and conf["defaults"]:
        raise UnsizableModel(language_model.unknown_size(name))
    return parameters


def path_problem(path: str, served: str, model_format: str, conf: Mapping[str, Any]) -> str:
    """Return why a model's path cannot be used, or ''. The path of a project that exists is not judged."""
    if made_by_update(conf) or path == last_answers(conf).get("model_path"):
        return ""
    return answers.path_problem(path, served, model_format)


def region_problem(region: str) -> str:
    """Return what is wrong with a region, or ''. Regions that an MCP server suggests are listed first."""
    suggested = defaults.of_run().outside.choices.get("region", [])
    return shapes.region_problem(region, [name for name in suggested if isinstance(name, str)])


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
    "documentation": documentation.documentation,
    "driver_ami": engines.driver_ami,
    "engine_settings": told_to_the_user(language_model.settings),
    "extra_arguments_problem": extra_arguments.problem,
    "fixed_environment": engines.fixed_environment,
    "gpu_needs": language_model.gpu_needs,
    "gpu_lines": gpu_lines,
    "image_in": engines.image_in,
    "image_problem": image_problem,
    "hosting": told_to_the_user(hosting.hosting),
    "inputs_problem": triton.inputs_problem,
    "instance_choices": told_to_the_user(instance_choices),
    "model_arns": model_arns,
    "model_file": model_file,
    "model_problem": model_problem,
    "open_routes": engines.open_routes,
    "probe": engines.probe,
    "health": engines.health,
    "routes_of": engines.routes,
    "json": quoting.json,
    "known_size": told_to_the_user(known_size),
    "length_problem": language_model.length_problem,
    "look_up": told_to_the_user(language_model.look_up),
    "look_up_chat_template": told_to_the_user(chat_templates.look_up),
    "memory_picture": told_to_the_user(language_model.picture),
    "other_names": engines.other_names,
    "path_problem": path_problem,
    "problem": lambda value, question: shapes.problem(question, value),
    "requirements": catalog.requirements,
    "sizing_summary": language_model.summary,
    "setting": told_to_the_user(setting),
    "python": quoting.python,
    "region_problem": region_problem,
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
    "with_absolute_source": with_absolute_source,
    "yaml": quoting.yaml,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "new_project_id": hosting.new_project_id,
    "before_update": before_update,
    "default_region": shapes.default_region,
    "origins": origins,
    "wants_token": wants_token,
    "offline_by_environment": hub.offline,
}
