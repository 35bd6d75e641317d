"""`make size`: the memory that a language model needs, and the cheapest instance types that have it.

Run as `python -m extensions.mcc.face.size MODEL`.
"""

import argparse
import dataclasses
import difflib
import json
import sys
from pathlib import Path

try:
    from ..catalog import catalog
    from ..errors import redaction
    from ..errors.errors import MccError, UnsizableModel
    from ..models import facts, lookup
    from ..models.lookup import KnownModel
    from ..servers import compatibility
    from ..sizing import explanation, sizing, sizing_view
    from ..sizing.gpu_sizer import Load
    from ..sizing.sizing import Sizing
except ModuleNotFoundError as missing:
    if __name__ != "__main__":
        raise
    raise SystemExit(f"{missing}. Run: python -m pip install pyyaml huggingface_hub") from None


BY_PARAMETERS = "make size MODEL=… PARAMETERS=8 [DTYPE=fp8]"


def main() -> int:
    """Print a sizing; return 0, 1 when nothing fits, or 2 when the model cannot be sized."""
    options = _options()
    try:
        found = lookup.model(options.model, options.revision, offline=options.offline or None)
        found = with_parameters(found, options.parameters, options.dtype)
        if found.shape is None:
            raise UnsizableModel(f"{found.note} {next_step(found.name)}")
        sized = of_model(found, options.engine, options.engine_version, options.context, options.concurrency)
    except MccError as error:
        print(f"{redaction.masked(options.model)} cannot be sized: {error}", file=sys.stderr)
        return 2
    verdict = compatibility.judge_release(
        compatibility.of_answer(found.answer()), options.engine, options.engine_version
    )
    for note in filter(None, (found.note, verdict.reason)):
        print(note, file=sys.stderr)
    print(json.dumps(explanation.report(sized), indent=2) if options.json else sizing_view.text(sized))
    if options.svg and sized.best:
        options.svg.write_text(sizing_view.svg(sized, sized.best), "utf-8")
    return 0 if sized.best else 1


def with_parameters(found: KnownModel, billions: float | None, dtype: str) -> KnownModel:
    """Return a model whose architecture is unknown with a typical one of its size, if the size is given."""
    if billions is None or found.shape is not None:
        return found
    shape = facts.from_parameters(billions, dtype, found.name)
    return dataclasses.replace(found, shape=shape, source=f"{billions:g} billion parameters, as given")


def near_matches(name: str) -> list[str]:
    """Return the IDs in the catalog that are most like an unknown one, best first."""
    listed = list(catalog.models())
    known = {id_.lower(): id_ for id_ in listed}
    of_name = {id_.rpartition("/")[2].lower(): id_ for id_ in listed}
    matches = difflib.get_close_matches(name.lower(), known, 3, 0.7)
    without_owner = difflib.get_close_matches(name.rpartition("/")[2].lower(), of_name, 3, 0.75)
    found = [known[match] for match in matches] + [of_name[match] for match in without_owner]
    return list(dict.fromkeys(found))[:3]


def next_step(name: str) -> str:
    """Return the command to run next for a model that is unknown."""
    near = near_matches(name)
    similar = f"Similar models in the catalog: {', '.join(near)}. " if near else ""
    return f"{similar}To size it by its number of parameters, in billions: {BY_PARAMETERS}"


def of_model(
    found: KnownModel,
    engine: str = "vllm",
    version: str = "",
    max_model_len: int | None = None,
    max_concurrency: int | None = None,
) -> Sizing:
    """Size a model that was looked up; what is not given is that of the balanced profile.

    Raises UnsizableModel for a model of unknown shape, for a load or an engine that cannot be, and for a
    release of the engine that cannot load the model.
    """
    if found.shape is None:
        raise UnsizableModel(found.note)
    profile = catalog.profiles()["balanced"]
    length = max_model_len or min(profile.max_model_len, found.shape.max_position_embeddings)
    load = Load(length, max_concurrency or profile.max_concurrency, engine, version)
    sized = sizing.size(found.name, found.source, found.shape, load)
    if refusal := compatibility.release_refusal(compatibility.of_answer(found.answer()), engine, version):
        raise UnsizableModel(refusal)
    return sized


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make size", description=__doc__)
    add = parser.add_argument
    add("model", help="Hugging Face id, such as meta-llama/Llama-3.1-8B-Instruct")
    add("--revision", default="", help="branch, tag or commit (default: the newest)")
    add("--context", type=int, help="tokens a request may have, prompt and answer together (default: 8192)")
    add("--concurrency", type=int, help="concurrent requests (default: 16)")
    add("--engine", default="vllm", help=f"one of {', '.join(catalog.memory().engines)}")
    add("--engine-version", default="", help="its version (default: the one projects get)")
    add("--parameters", type=float, help="billions of parameters, for a model that is unknown")
    add("--dtype", default="none", choices=catalog.memory().quantizations, help="type of its weights")
    add("--offline", action="store_true", help="send no request, use the catalog only")
    add("--json", action="store_true", help="print JSON")
    add("--svg", type=Path, metavar="FILE", help="also draw the GPU's memory into a file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
