# Part of the library: `copier update` replaces this file.
"""Build the container image."""

import argparse
import os
import sys

from lifecycle import dockerfile, engine, links, package_index, registry
from lifecycle.explain import explained, followed
from lifecycle.project import INTERNAL_ERROR, PRECONDITION, PROJECT, Config, Failure, Result
from lifecycle.served import local


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/build."""
    engine.add_option(parser)
    parser.add_argument("--no-cache", action="store_true", help="build without the cache of earlier builds")
    parser.add_argument(
        "--build-arg",
        metavar="NAME[=VALUE]",
        action="append",
        default=[],
        help="for an ARG in the Dockerfile",
    )


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Build the image for the processor of the instance."""
    local.prepare_build()
    links.refuse_in_source("the image was not built")
    program = engine.find(arguments.engine or settings.engine)
    buildx = engine.has_buildx(program)
    private = private_index(program, buildx)
    given = [word for value in arguments.build_arg for word in ("--build-arg", value)]
    options = [*given, *private.options]
    command = engine.build_command(program, settings, arguments.no_cache, buildx, options)
    print(f"building {settings.image} for {settings.platform} with {program}", file=sys.stderr, flush=True)
    # SageMaker rejects the manifest of an image with attestations.
    environment = {**os.environ, **private.variables, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    with registry.logged_in(settings, "build", program, base_registries(program)):
        code, lines = followed(command, PROJECT, environment)
    if code:
        otherwise = "fix the error in the lines above; do/build --no-cache ignores cached steps"
        cause, next_step = explained("\n".join(lines), otherwise)
        what, seen = "the image was not built", f"{' '.join(command)} ended with code {code}"
        raise Failure(INTERNAL_ERROR, "build-failed", what, seen, next_step, cause)
    local.try_image(program, settings)
    return {"image": settings.image, "platform": settings.platform, "text": settings.image}


def private_index(program: str, buildx: bool) -> package_index.BuildOptions:
    """Return the options for proxies and a private package index.

    Raise Failure (precondition) if the Dockerfile needs BuildKit and docker lacks it. Print a notice if pip
    has a private index that the Dockerfile does not use.
    """
    text = (PROJECT / "Dockerfile").read_text("utf-8")
    mounts = package_index.is_mounted(text)
    if mounts and engine.name_of(program) == "docker" and not buildx:
        seen = "docker buildx version failed, and the Dockerfile mounts secrets"
        next_step = "install the buildx plugin of docker, or build with podman: do/build --engine podman"
        raise Failure(PRECONDITION, "no-buildkit", "docker has no BuildKit", seen, next_step)
    if not mounts and package_index.is_private(package_index.pip_settings()):
        notice = "pip has a private index here, which the build of the image does not use."
        print(f"{notice} To use it: copier update --trust -d private_index=true", file=sys.stderr)
    return package_index.for_build(text)


def base_registries(program: str) -> set[str]:
    """Return the ECR registries of base images that the container engine does not have."""
    images = dockerfile.images((PROJECT / "Dockerfile").read_text("utf-8"))
    on_ecr = {image: found[0] for image in images if (found := registry.HOST.search(image))}
    return {host for image, host in on_ecr.items() if engine.known(program, image) is None}
