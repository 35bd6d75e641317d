# Part of the library: `copier update` replaces this file.
"""The settings of a HyperPod cluster in addition to those of every project."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lifecycle.formats import Format
from lifecycle.hyperpod.formats import FORMATS
from lifecycle.project import Config


@dataclass(frozen=True, kw_only=True)
class Target(Config):
    """The settings, which are documented in do/config.toml."""

    setting_formats: ClassVar[Mapping[str, Format]] = FORMATS

    hyperpod_cluster: str
    schedule_seconds: float
    delete_seconds: float
