# Part of the library: `copier update` replaces this file.
"""The settings of a HyperPod cluster in addition to those of every project."""

from dataclasses import dataclass

from lifecycle.project import Config


@dataclass(frozen=True, kw_only=True)
class Target(Config):
    """The settings, which are documented in do/config.toml."""

    hyperpod_cluster: str
    schedule_seconds: float
    delete_seconds: float
