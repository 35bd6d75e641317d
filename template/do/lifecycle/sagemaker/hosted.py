# Part of the library: `copier update` replaces this file.
"""How SageMaker runs the container: the settings, the desired state, its cost, and the checks."""

from lifecycle.sagemaker import cost, target_checks
from lifecycle.sagemaker.specification import desired, reserved
from lifecycle.sagemaker.target import Target

__all__ = ["Target", "cost", "desired", "reserved", "target_checks"]
