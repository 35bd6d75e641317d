"""Build the container image, ready to push."""

import argparse
import os
import subprocess
import sys

from lifecycle import engine, local
from lifecycle.cli import Result
from lifecycle.project import DEFECT, PROJECT, Config, Failure


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/build."""
    engine.add_option(parser)
    parser.add_argument("--no-cache", action="store_true", help="build every step anew")


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Build the image for the instance's processor."""
    local.prepare_build()
    program = engine.find(arguments.engine or settings.engine)
    command = engine.build_command(program, settings, arguments.no_cache)
    print(f"building {settings.image} for {settings.platform} with {program}", file=sys.stderr, flush=True)
    # Attestations make a manifest that SageMaker refuses.
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    if subprocess.run(command, cwd=PROJECT, stdout=sys.stderr, env=environment).returncode:
        remedy = "read the engine's last lines above; `do/build --no-cache` rules out a stale step"
        raise Failure(DEFECT, "build-failed", "the image was not built", " ".join(command), remedy)
    return {"image": settings.image, "platform": settings.platform, "text": settings.image}
