# Part of the library: `copier update` replaces this file.
"""The kind of model that this project serves: how it runs here, and how it is invoked."""

from lifecycle.load import fixed as load
from lifecycle.predictive import local, requests

__all__ = ["load", "local", "requests"]
