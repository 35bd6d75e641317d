# Part of the library: `copier update` replaces this file.
"""Build the container image, ready to push."""

import argparse
import os
import subprocess
import sys

from lifecycle import engine, links, registry
from lifecycle.project import DEFECT, PROJECT, Config, Failure, Result
from lifecycle.served import local


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/build."""
    engine.add_option(parser)
    parser.add_argument("--no-cache", action="store_true", help="build every step anew")


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Build the image for the instance's processor."""
    local.prepare_build()
    links.refuse_in_source("the image was not built")
    program = engine.find(arguments.engine or settings.engine)
    command = engine.build_command(program, settings, arguments.no_cache, engine.has_buildx(program))
    print(f"building {settings.image} for {settings.platform} with {program}", file=sys.stderr, flush=True)
    # Attestations make a manifest that SageMaker refuses.
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    with registry.logged_in(settings, "build", program, base_registries(program)):
        status = subprocess.run(command, cwd=PROJECT, stdout=sys.stderr, env=environment).returncode
    if status:
        remedy = "read the engine's last lines above; `do/build --no-cache` rules out a stale step"
        raise Failure(DEFECT, "build-failed", "the image was not built", " ".join(command), remedy)
    return {"image": settings.image, "platform": settings.platform, "text": settings.image}


def base_registries(program: str) -> set[str]:
    """Return the registries of ECR that hold base images of the Dockerfile which the engine lacks."""
    lines = (PROJECT / "Dockerfile").read_text("utf-8").splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    on_ecr = {image: found[0] for image in images if (found := registry.HOST.search(image))}
    return {host for image, host in on_ecr.items() if engine.known(program, image) is None}
