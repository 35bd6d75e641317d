# Part of the library: `copier update` replaces this file.
"""The deployment target: its settings, its checks, and its running server."""

from lifecycle.sagemaker import remote, target_checks
from lifecycle.sagemaker.target import Target

PACKAGE = "lifecycle.sagemaker"
__all__ = ["PACKAGE", "Target", "remote", "target_checks"]
