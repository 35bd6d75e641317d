"""`make size`: what a model needs and the cheapest instance types that give it.

Run as `python -m extensions.mcc.size MODEL`.
"""

import argparse
import json
import sys
from pathlib import Path

from . import catalog, lookup, sizing, sizing_view
from .errors import MccError
from .gpu_sizer import Load


def main() -> int:
    """Print a sizing; return 0, 1 when nothing fits, or 2 when the model cannot be sized."""
    options = _options()
    profile = catalog.profiles()["balanced"]
    try:
        found = lookup.model(options.model, options.revision, offline=options.offline or None)
        if found.shape is None:
            print(f"{options.model} cannot be sized: {found.note}", file=sys.stderr)
            return 2
        if found.note:
            print(found.note, file=sys.stderr)
        length = options.context or min(profile.max_model_len, found.shape.max_position_embeddings)
        load = Load(
            length, options.concurrency or profile.max_concurrency, options.engine, options.engine_version
        )
        sized = sizing.size(options.model, found.source, found.shape, load)
    except MccError as error:
        print(f"{options.model} cannot be sized: {error}", file=sys.stderr)
        return 2
    print(json.dumps(sizing.as_json(sized), indent=2) if options.json else sizing_view.text(sized))
    if options.svg and sized.best:
        options.svg.write_text(sizing_view.svg(sized, sized.best), "utf-8")
    return 0 if sized.best else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make size", description=__doc__)
    add = parser.add_argument
    add("model", help="Hugging Face id, such as meta-llama/Llama-3.1-8B-Instruct")
    add("--revision", default="", help="branch, tag or commit (default: the newest)")
    add("--context", type=int, help="tokens a request may have, prompt and answer together (default: 8192)")
    add("--concurrency", type=int, help="requests at once (default: 16)")
    add("--engine", default="vllm", help=f"one of {', '.join(catalog.memory().engines)}")
    add("--engine-version", default="", help="its version (default: the one projects get)")
    add("--offline", action="store_true", help="ask nobody: use the catalog alone")
    add("--json", action="store_true", help="print JSON")
    add("--svg", type=Path, metavar="FILE", help="also draw the GPU's memory into a file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
