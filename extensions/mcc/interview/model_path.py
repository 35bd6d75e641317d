"""Whether the file, folder or archive that `model_path` names can be served, and the answers it decides."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..artifacts import model_folders, suitable
from ..catalog import catalog
from ..errors import redaction
from ..errors.errors import InvalidAnswer, S3Error
from ..inspection import choices, tars
from ..inspection.findings import Findings
from ..models import s3_files
from ..servers import triton
from . import copier_run

JUDGED_WITH = ("framework", "model_format", "framework_version", "base_image")


def path_problem(path: str, deployment_config: str, conf: Mapping[str, Any]) -> str:
    """Return why a model's path cannot be used, or ''. It is judged with the answers given by -d.

    The path of a project that exists is not judged. It runs on every keystroke, so that a file on S3 is
    downloaded by the next question.
    """
    if s3_files.is_address(path) and not s3_files.is_fetched(path) and path != conf["data"].get("model_path"):
        return ""
    given = {name: conf["data"][name] for name in JUDGED_WITH if name in conf["data"]}
    return _unless_kept(path, {**given, "deployment_config": deployment_config}, conf)


def format_problem(path: str, served: str, model_format: str, conf: Mapping[str, Any]) -> str:
    """Return why a model is not of the format that was chosen, or ''. `served` is a framework or a config."""
    kind = {"deployment_config": served} if served in triton.CONFIGS else {"framework": served}
    return _unless_kept(path, {**kind, "model_format": model_format}, conf)


def _unless_kept(path: str, data: Mapping[str, Any], conf: Mapping[str, Any]) -> str:
    if copier_run.made_by_update(conf) or path == copier_run.last_answers(conf).get("model_path"):
        return ""
    return "".join(problems({"model_path": path, **data})[:1])


def problems(data: Mapping[str, Any]) -> list[str]:
    """Return why the model of these answers cannot be served: one line, or none."""
    given = str(data.get("model_path", ""))
    if not given:
        return []
    config = str(data.get("deployment_config", "http-fastapi"))
    try:
        known = decided(data)
    except InvalidAnswer as error:
        return [str(error)]
    wrong = _unreadable(given) or _of_model(given, config, known)
    return [f"model_path: {wrong}"] if wrong else []


def decided(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return answers with the framework and the format that the model's file states, where not given.

    A file on S3 is downloaded. Raise InvalidAnswer if it cannot be.
    """
    given = str(data.get("model_path", ""))
    config = str(data.get("deployment_config", "http-fastapi"))
    known = dict(data)
    if not given:
        return known
    _download(given, data)
    if config not in triton.CONFIGS and (framework := choices.framework(given)):
        known.setdefault("framework", framework)
    served = config if config in triton.CONFIGS else str(known.get("framework", ""))
    is_known = served in catalog.triton() or served in catalog.frameworks()
    if is_known and (model_format := choices.model_format(given, served)):
        known.setdefault("model_format", model_format)
    return known


def stated(model_path: str, question: str, served: str, conf: Mapping[str, Any]) -> str:
    """Return the answer to a question that the file of a new project's model decides, or ''.

    `served` is the deployment config for the framework, and the framework or Triton backend otherwise.
    A file on S3 is downloaded. Raise InvalidAnswer if it cannot be.
    """
    if not copier_run.is_new_project(conf):
        return ""
    _download(model_path, conf["data"])
    found = choices.of(model_path)
    if found is None or not found.is_understood:
        return ""
    if question == "framework":
        return choices.framework(model_path) if served not in triton.CONFIGS else ""
    fitting = choices.formats(found).get(served, ())
    if question == "model_format":
        return choices.model_format(model_path, served) if fitting else ""
    if not fitting or not found.artifact.version or served not in catalog.frameworks():
        return ""
    model_format = str(conf["data"].get("model_format", choices.model_format(model_path, served)))
    return suitable.default_version(served, model_format, model_path)


def local(model_path: str) -> str:
    """Return the path of a model on this machine, where a file on S3 was downloaded to; '' stays ''."""
    return str(s3_files.local(model_path)) if s3_files.is_address(model_path) else model_path


def likely_framework(model_path: str) -> str:
    """Return the framework to offer: that of the model, or else the first one."""
    return choices.framework(model_path) or next(iter(catalog.frameworks()))


def default_format(served: str, model_path: str) -> str:
    """Return the format to offer: that of the model, or else the first of the framework or backend."""
    return choices.model_format(model_path, served) or next(iter(catalog.formats(served)))


def _download(given: str, data: Mapping[str, Any]) -> None:
    """Download the file at an address on S3, unless that was done. Raise InvalidAnswer."""
    if s3_files.is_address(given):
        try:
            s3_files.fetch(given, copier_run.is_offline(data))
        except S3Error as error:
            raise InvalidAnswer(redaction.masked(str(error))) from None


def _unreadable(given: str) -> str:
    """Return why there is nothing to read at a path, or ''."""
    path = s3_files.local(given)
    if not os.path.exists(path):
        return f"there is no file {redaction.shown(given)}. Example: ~/models/model.joblib"
    if choices.of(given) is None:
        return f"{redaction.shown(given)} cannot be read. Run: chmod u+r {given}"
    return ""


def _of_model(given: str, config: str, data: Mapping[str, Any]) -> str:
    """Return why a model cannot be served as these answers have it, or ''."""
    found = choices.of(given)
    assert found is not None
    in_triton = config in triton.CONFIGS
    served = config if in_triton else str(data.get("framework", next(iter(catalog.frameworks()))))
    formats = catalog.formats(served)
    model_format = str(data.get("model_format", next(iter(formats))))
    if found.problem:
        return f"{choices.shown(given, found)} {found.problem} {found.fix}"
    if not in_triton and (wrong := _unsuitable(given, found, served, model_format, data)):
        return wrong
    if wrong := _not_served(given, found, config, served) or _contradiction(given, found, served, data):
        return wrong
    return _of_files(given, found, config, served, model_format, str(data.get("base_image", "")))


def _unsuitable(
    given: str, found: Findings, framework: str, model_format: str, data: Mapping[str, Any]
) -> str:
    """Return why no version of a framework, or not the one chosen, serves a model of its kind, or ''."""
    is_pickled = found.kind_name.startswith("xgboost ")  # the versions that saved it decide the next step
    if not is_pickled and framework not in choices.formats(found):
        return ""
    if not is_pickled and model_format not in choices.formats(found)[framework]:
        return ""
    return suitable.problem(framework, model_format, given, str(data.get("framework_version", "")))


def _not_served(given: str, found: Findings, config: str, served: str) -> str:
    """Return why a kind of model is not served by a framework or backend, or ''."""
    fitting = choices.formats(found)
    if not found.is_understood or served in fitting:
        return ""
    what = f"{choices.shown(given, found)}: the content is {choices.described(found)}"
    frameworks = [name for name in fitting if name in catalog.frameworks()]
    configs = [name for name in fitting if name in catalog.triton()]
    if frameworks and config not in triton.CONFIGS:
        name = frameworks[0]
        fix = f"Choose framework={name} and model_format={choices.model_format(given, name)}, or omit both."
        return f"{what}, which framework={served} does not serve. {fix}"
    kind = catalog.model_kinds().get(found.kind_name)
    if kind and kind.fix and not frameworks:
        return f"{what}, which {config} does not serve. {kind.fix}"
    if configs:
        return f"{what}, which {config} does not serve. Choose deployment_config={configs[0]}."
    if frameworks:
        return f"{what}, which {config} does not serve. Choose deployment_config=http-fastapi."
    return f"{what}, which no server of this template serves."


def _contradiction(given: str, found: Findings, served: str, data: Mapping[str, Any]) -> str:
    """Return that the format given is not the model's, or ''."""
    fitting = choices.formats(found).get(served, ())
    model_format = str(data.get("model_format", ""))
    if not fitting or not model_format or model_format in fitting:
        return ""
    return (
        f"{choices.shown(given, found)}: the content is {choices.title(found)}, not "
        f"model_format={model_format}. "
        f"Choose model_format={fitting[0]}, or omit it."
    )


def _of_files(given: str, found: Findings, config: str, served: str, model_format: str, image: str) -> str:
    """Return why the files of a model cannot be copied, or are not what they should be, or ''."""
    path, wanted = choices.location(given), catalog.formats(served)[model_format].file
    name = redaction.shown(path.name)
    if found.container == tars.KIND:
        return ""
    if model_format == "SavedModel":
        if not os.path.isfile(path / "saved_model.pb"):
            return f"{redaction.shown(given)} is no {model_format} directory (no saved_model.pb in it)."
        if wrong := model_folders.folder_problem(path):
            return f"{redaction.shown(given)} is not whole: {wrong}. Give a complete copy (cp -rL)."
        return ""
    if path.is_dir():
        return f"{redaction.shown(given)} is a folder, and model_format {model_format} is a file."
    if not found.is_understood and path.suffix != Path(wanted).suffix:
        return (
            f"{name} does not end in {Path(wanted).suffix}, the ending of model_format {model_format}. "
            "Give the format it was saved in, or rename the file."
        )
    if model_format in ("joblib", "pkl") and (wrong := model_folders.file_problem(path)):
        return f"{name}: {wrong}."
    if not found.is_understood and model_format == "onnx" and served in catalog.frameworks():
        return suitable.problem(served, model_format, given)
    if config in triton.CONFIGS and (wrong := triton.artefact_problem(path, served, model_format, image)):
        return f"{name}: {wrong}."
    return ""
