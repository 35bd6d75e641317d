"""Where a project's README finds the documentation of the template's version that it was rendered from."""

import re
from collections.abc import Mapping
from typing import Any

SHORTCUTS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
WITHOUT = (
    "The documentation of this version is in `docs/` of the template's repository. Its address\n"
    "(`_src_path`) and version (`_commit`) are in `.copier-answers.yml`."
)


def documentation(answers: Mapping[str, Any]) -> str:
    """Return a sentence for a README: a link if the template's address is one of the web.

    An address with a user or password in it is not shown.
    """
    address, version = str(answers.get("_src_path", "")), str(answers.get("_commit", ""))
    for shortcut, site in SHORTCUTS.items():
        address = address.replace(shortcut, site, 1) if address.startswith(shortcut) else address
    address = re.sub(r"^git@([\w.-]+):", r"https://\1/", address).removesuffix("/").removesuffix(".git")
    # A commit between two tags is described as v1.0.0-3-g1a2b3c4.
    version = re.sub(r"^.+-[0-9]+-g([0-9a-f]{7,40})$", r"\1", version)
    if not version or not re.fullmatch(r"https://[\w.-]+(:[0-9]+)?(/[\w.~-]+)+", address):
        return WITHOUT
    return f"See the [documentation of this version]({address}/blob/{version}/docs/index.md)."
