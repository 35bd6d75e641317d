# Part of the library: `copier update` replaces this file.
"""The images that a Dockerfile starts from."""

import re

FROM = re.compile(
    r"^(?P<before>FROM[ \t]+(?:--platform=\S+[ \t]+)?)(?P<image>\S+)"
    r"(?P<after>(?:[ \t]+AS[ \t]+(?P<stage>\S+))?.*)$",
    re.MULTILINE | re.IGNORECASE,
)


def images(text: str) -> list[str]:
    """Return the image of each FROM, in their order."""
    return [line["image"] for line in FROM.finditer(text)]


def base_images(text: str) -> list[str]:
    """Return the images that a Dockerfile starts from, once each: no earlier stages, no build arguments."""
    stages = {line["stage"].lower() for line in FROM.finditer(text) if line["stage"]}
    named = [
        image for image in images(text) if image.lower() not in {*stages, "scratch"} and "$" not in image
    ]
    return list(dict.fromkeys(named))
