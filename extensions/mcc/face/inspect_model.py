"""`make inspect`: the kind of a model's file, folder or archive, and the answers for it. It runs no model.

Run as `python -m extensions.mcc.face.inspect_model MODEL`.
"""

import argparse
import json
import os
import sys
from pathlib import Path

try:
    from ..artifacts import suitable
    from ..catalog import catalog
    from ..errors import redaction
    from ..errors.errors import InvalidAnswer, S3Error
    from ..inspection import choices, view
    from ..inspection.findings import Findings
    from ..interview import model_path
    from ..models import hub, s3_files
except ModuleNotFoundError as missing:
    if __name__ != "__main__":
        raise
    raise SystemExit(f"{missing}. Run: python -m pip install pyyaml") from None


def main() -> int:
    """Print the facts about a model; return 0, 1 when nothing serves it, or 2 when it cannot be read."""
    parser = argparse.ArgumentParser("make inspect", description=__doc__)
    parser.add_argument(
        "model", help="a file or tar archive (model.tar.gz), also on S3, or a folder (SavedModel, MLflow)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    try:
        inspected = inspect(options.model)
    except (InvalidAnswer, S3Error) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(inspected.as_json(), indent=2) if options.json else view.text(inspected))
    return 1 if inspected.problem else 0


def inspect(path: str) -> view.Inspected:
    """Inspect a model, and find the answers of a project for it.

    A file on S3 is downloaded, and removed when it was read. Raise InvalidAnswer if the model cannot be
    read, and S3Error.
    """
    if not s3_files.is_address(path):
        return _inspected(path)
    try:
        s3_files.fetch(path, hub.offline())
        return _inspected(path)
    finally:
        s3_files.forget(path)


def _inspected(path: str) -> view.Inspected:
    found = choices.of(path)
    if found is None or not os.path.exists(s3_files.local(path)):
        raise InvalidAnswer("".join(model_path.problems({"model_path": path})) or f"{path} cannot be read.")
    served = _served(path, found)
    answers = {"deployment_config": served} if served in catalog.triton() else {}
    problem = "".join(model_path.problems({"model_path": path, **answers})).removeprefix("model_path: ")
    if not found.is_understood and not found.problem:
        problem = (
            f"the content of {redaction.shown(Path(path).name)} is no model that this template recognizes. "
            "Check that the file is complete, and of a format in docs/how-to/inspect.md."
        )
    if problem:
        return view.Inspected(path, found, problem=problem)
    if served in catalog.frameworks():
        answers["framework"] = served
    answers["model_format"] = choices.model_format(path, served)
    if served in catalog.frameworks():
        answers["framework_version"] = suitable.default_version(served, answers["model_format"], path)
    return view.Inspected(path, found, answers)


def _served(path: str, found: Findings) -> str:
    """Return the framework that serves a model, or else the Triton backend."""
    kind = catalog.model_kinds().get(found.kind_name)
    backends = () if kind and kind.fix else choices.formats(found)
    return choices.framework(path) or next(iter(backends), "")


if __name__ == "__main__":
    sys.exit(main())
