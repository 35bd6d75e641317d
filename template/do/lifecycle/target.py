# Part of the library: `copier update` replaces this file.
"""The deployment target: its settings, its checks, and its running server."""

from lifecycle.sagemaker import remote, target_checks
from lifecycle.sagemaker.target import Target

# Of the commands; the first one that has a command applies.
PACKAGES = ("lifecycle.sagemaker",)
__all__ = ["PACKAGES", "Target", "remote", "target_checks"]
