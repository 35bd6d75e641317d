"""Write model_repository/ from a model: its file, and the config.pbtxt that describes it to Triton.

`do/repository MODEL` runs this in .venv-model. Names, types and dimensions are the model's own (backend.py).
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

sys.path.append(str(Path(__file__).resolve().parent.parent / "serving"))

from artefact import belongings, model_problem
from backend import DIRECTIVE, MODEL_FILE, Signature, Tensor, read

PROJECT = Path(__file__).resolve().parent.parent
REPOSITORY = PROJECT / "model_repository"
SETTINGS = REPOSITORY / "settings.toml"


def main(model: Path) -> None:
    """Put a model into the repository, in place of the one there. Ends with one line when that fails."""
    settings = tomllib.loads(SETTINGS.read_text("utf-8"))
    if "/" in settings["name"] or settings["name"] in ("", ".", ".."):
        sys.exit(f"settings.toml: name {settings['name']!r} cannot name a folder; write one without a slash")
    if problem := model_problem(model):
        sys.exit(f"cannot use {model}: {problem}")
    try:
        signature = inputs, outputs, _ = read(model, settings)
    except Exception as error:  # libraries raise many kinds for a file that they cannot read
        reason = " ".join(str(error).split())[:300]
        sys.exit(f"cannot read what {model} takes and gives: {type(error).__name__}: {reason}")
    directory = REPOSITORY / settings["name"]
    target = directory / "1" / MODEL_FILE
    try:
        place(model, target)
    except (OSError, ValueError) as error:
        sys.exit(f"cannot copy {model} to {target}: {error}")
    (directory / "config.pbtxt").write_text(config(settings, signature), "utf-8")
    for name, datatype, shape in inputs + outputs:
        print(f"  {name}: {datatype}{list(shape)}")
    print(f"written to {directory.relative_to(PROJECT)}: config.pbtxt and 1/{MODEL_FILE}")


def place(model: Path, target: Path) -> None:
    """Copy all that belongs to a model into the repository, in place of the model there.

    It is copied whole before anything there is replaced. Nothing is done for the model that is there already.
    """
    if model.resolve() == target.resolve():
        return
    others = belongings(model)
    if Path(target.name) in others:
        raise ValueError(f"its weights are in a file called {target.name}, as the model is there: rename it")
    old = parts(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent.parent) as folder:
        new = {Path(target.name): model} | {part: model.parent / part for part in others}
        for part, source in new.items():
            (Path(folder) / part).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, Path(folder) / part)
            else:
                shutil.copyfile(source, Path(folder) / part)
        for file in old:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        for part in new:
            (target.parent / part).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(folder) / part, target.parent / part)


def parts(model: Path) -> list[Path]:
    """Return the files and folders of a model in the repository, [] when there is none."""
    if not model.exists():
        return []
    try:
        return [model, *(model.parent / part for part in belongings(model))]
    except (OSError, ValueError):  # it is not whole
        return [model]


def config(settings: dict[str, Any], signature: Signature) -> str:
    """Return the config.pbtxt of a model."""
    inputs, outputs, parameters = signature
    batched = all(shape[:1] == (-1,) for _, _, shape in inputs + outputs)  # the first dimension is the batch
    size = settings["max_batch_size"] if batched else 0
    named = {"name": settings["name"], **DIRECTIVE}
    lines = [*(f"{field}: {text(value)}" for field, value in named.items()), f"max_batch_size: {size}"]
    for field, tensors in (("input", inputs), ("output", outputs)):
        lines += [f"{field} [", ",\n".join(f"  {described(tensor, batched)}" for tensor in tensors), "]"]
    lines.append(f"instance_group [{message(kind=settings['kind'], count=settings['instances'])}]")
    if size > 1:
        delay = message(max_queue_delay_microseconds=settings["max_queue_delay_us"])
        lines.append(f"dynamic_batching {delay}")
    for key, value in {**settings["parameters"], **parameters}.items():
        lines.append(f"parameters {message(key=text(key), value=message(string_value=text(value)))}")
    return "\n".join(lines) + "\n"


def described(tensor: Tensor, batched: bool) -> str:
    """Return a tensor as config.pbtxt has it: the dimension of the batch is not among its dims."""
    name, datatype, shape = tensor
    shape = shape[1:] if batched else shape
    fields = {"name": text(name), "data_type": f"TYPE_{datatype}", "dims": list(shape) or [1]}
    return message(**fields) if shape else message(**fields, reshape=message(shape=[]))


def message(**fields: Any) -> str:
    """Return a message of protobuf's text format; values are written as they are."""
    return "{ " + ", ".join(f"{name}: {value}" for name, value in fields.items()) + " }"


def text(value: str) -> str:
    """Return a text as protobuf's text format writes it: JSON's escapes are among its own."""
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]).expanduser())
