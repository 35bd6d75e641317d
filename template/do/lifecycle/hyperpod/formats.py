# Part of the library: `copier update` replaces this file.
"""The formats of the settings of a HyperPod cluster."""

import re

from lifecycle import formats
from lifecycle.formats import Format

FORMATS = {
    **formats.FORMATS,
    "hyperpod_cluster": Format(
        re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"), "the name of a HyperPod cluster", "ml-cluster"
    ),
}
