# Part of the library: `copier update` replaces this file.
"""The settings of a HyperPod cluster, beside those of every project."""

from dataclasses import dataclass

from lifecycle.project import Config


@dataclass(frozen=True, kw_only=True)
class Target(Config):
    """One field a setting; their meaning stands in do/config.toml."""

    hyperpod_cluster: str
    schedule_seconds: float
    delete_seconds: float
