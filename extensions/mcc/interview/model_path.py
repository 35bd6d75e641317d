"""Whether the file or folder that `model_path` names can be served."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..artifacts import model_folders, suitable
from ..catalog import catalog
from ..errors import redaction
from ..servers import triton
from . import copier_run


def path_problem(path: str, served: str, model_format: str, conf: Mapping[str, Any]) -> str:
    """Return why a model's path cannot be used, or ''. `served` is a framework or a Triton config.

    The path of a project that exists is not judged.

    Looks at the file's first bytes at most: it runs on every keystroke.
    """
    if copier_run.made_by_update(conf) or path == copier_run.last_answers(conf).get("model_path"):
        return ""
    kind = {"deployment_config": served} if served in triton.CONFIGS else {"framework": served}
    return "".join(problems({"model_path": path, "model_format": model_format, **kind})[:1])


def problems(data: Mapping[str, Any]) -> list[str]:
    """Return why the model of these answers cannot be served: one line, or none."""
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
    elif served == "onnxruntime":
        if wrong := suitable.onnx_problem(served, path, str(data.get("framework_version", ""))):
            return [f"model_path: {redaction.shown(path.name)}: {wrong}."]
    elif served in triton.CONFIGS:
        image = str(data.get("base_image", ""))
        if wrong := triton.artefact_problem(path, served, model_format, image):
            return [f"model_path: {redaction.shown(path.name)}: {wrong}."]
    return []
