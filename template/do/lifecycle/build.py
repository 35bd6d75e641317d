# Part of the library: `copier update` replaces this file.
"""Build the container image."""

import argparse
import os
import sys

from lifecycle import engine, links, registry
from lifecycle.explain import explained, followed
from lifecycle.project import INTERNAL_ERROR, PROJECT, Config, Failure, Result
from lifecycle.served import local


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/build."""
    engine.add_option(parser)
    parser.add_argument("--no-cache", action="store_true", help="build without the cache of earlier builds")


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Build the image for the processor of the instance."""
    local.prepare_build()
    links.refuse_in_source("the image was not built")
    program = engine.find(arguments.engine or settings.engine)
    command = engine.build_command(program, settings, arguments.no_cache, engine.has_buildx(program))
    print(f"building {settings.image} for {settings.platform} with {program}", file=sys.stderr, flush=True)
    # SageMaker rejects the manifest of an image with attestations.
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    with registry.logged_in(settings, "build", program, base_registries(program)):
        code, lines = followed(command, PROJECT, environment)
    if code:
        otherwise = "fix the error in the lines above; do/build --no-cache ignores cached steps"
        cause, next_step = explained("\n".join(lines), otherwise)
        what, seen = "the image was not built", f"{' '.join(command)} ended with code {code}"
        raise Failure(INTERNAL_ERROR, "build-failed", what, seen, next_step, cause)
    return {"image": settings.image, "platform": settings.platform, "text": settings.image}


def base_registries(program: str) -> set[str]:
    """Return the ECR registries of base images that the container engine does not have."""
    lines = (PROJECT / "Dockerfile").read_text("utf-8").splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    on_ecr = {image: found[0] for image in images if (found := registry.HOST.search(image))}
    return {host for image, host in on_ecr.items() if engine.known(program, image) is None}
