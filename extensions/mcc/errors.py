"""What can go wrong in words of the person it happens to. Each message says what to do next."""


class MccError(Exception):
    """Base of all errors here; its text is shown to the person as it is."""


class CatalogError(MccError):
    """A file of catalog/ is not as the code expects it."""


class InvalidAnswer(MccError):
    """An answer that cannot be used: which one, the rule it breaks and a valid example."""
