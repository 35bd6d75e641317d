# Part of the library: `copier update` replaces this file.
"""Pin the base image in the Dockerfile to its digest, or move the pin to the one that the tag has now."""

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lifecycle import dockerfile, manifests
from lifecycle.project import (
    DONE,
    OK,
    PRECONDITION,
    PROJECT,
    VERIFICATION,
    Config,
    Failure,
    Finding,
    Result,
    finding,
    replace_text,
)

DOCKERFILE = PROJECT / "Dockerfile"


@dataclass(frozen=True)
class Pin:
    """A base image with its tag, the digest in the Dockerfile ("" for none), and the one of the tag now."""

    image: str
    before: str
    now: str

    @property
    def line(self) -> str:
        """The state for the terminal."""
        if self.before == self.now:
            return f"{self.image} is pinned to {self.now}, which is up to date"
        return f"{self.image}: {self.before or 'by tag'} -> {self.now}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/pin."""
    text = "change nothing; exit with code 6 if an image is not pinned, or its tag has another digest now"
    parser.add_argument("--check", action="store_true", help=text)


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Write the digest of each base image to the Dockerfile, and return what changed."""
    text = _text()
    pins = [_pin(image, settings) for image in dockerfile.base_images(text)]
    changed = [pin for pin in pins if pin.before != pin.now]
    lines = [pin.line for pin in pins] or ["the Dockerfile has no base image that can be pinned"]
    code = DONE
    if changed and arguments.check:
        code = VERIFICATION
        lines.append("To pin it: do/pin, then do/build")
    elif changed:
        replace_text(DOCKERFILE, pinned(text, {pin.image: pin.now for pin in changed}))
        lines.append("Build and test the image: do/build, do/test --contract. Then commit the Dockerfile.")
    images = [{"image": pin.image, "before": pin.before, "digest": pin.now} for pin in pins]
    return {"images": images, "exit_code": code, "text": "\n".join(lines)}


def findings() -> Iterator[Finding]:
    """Yield whether the Dockerfile names the base images by digest, without a call to their registries."""
    for image in dockerfile.base_images(_text()):
        name, _, digest = image.partition("@")
        seen = f"{name}, pinned to {digest}" if digest else f"{name}, by a tag that can change"
        next_step = "" if digest else "for the same image in each build: do/pin"
        yield finding("base-image-pin", OK, "base image", seen, next_step)


def pinned(text: str, digests: Mapping[str, str]) -> str:
    """Return the Dockerfile with digests, by image with its tag; all else is unchanged."""

    def line(found: re.Match[str]) -> str:
        name = with_tag(found["image"])
        image = f"{name}@{digests[name]}" if name in digests else found["image"]
        return f"{found['before']}{image}{found['after']}"

    return dockerfile.FROM.sub(line, text)


def with_tag(image: str) -> str:
    """Return an image by its tag, without a digest."""
    name = image.partition("@")[0]
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _pin(image: str, settings: Config) -> Pin:
    name = with_tag(image)
    return Pin(name, manifests.parsed(image).digest, manifests.digest_of(name, settings, "pin"))


def _text() -> str:
    try:
        return DOCKERFILE.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        what, next_step = "cannot read the Dockerfile", "restore it: git checkout Dockerfile"
        raise Failure(PRECONDITION, "no-dockerfile", what, str(error), next_step) from None
