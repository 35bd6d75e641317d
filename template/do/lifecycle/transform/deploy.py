# Part of the library: `copier update` replaces this file.
"""Create the model of the newest image with the settings of do/config.toml, for the jobs of do/batch."""

from lifecycle.sagemaker.deploy import add_options, run

__all__ = ["add_options", "run"]
