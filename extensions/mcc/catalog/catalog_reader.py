"""Reads the files of catalog/ as the classes of entries/, and checks all of them.

A file that does not match the classes raises CatalogError, which names the file, the entry and the field.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from ..errors.errors import CatalogError

T = TypeVar("T")


def read(path: Path, kind: type[T]) -> tuple[Mapping[str, T], Mapping[str, str]]:
    """Return the entries of `path`, found under the key named like the file, and its table of sources."""
    fields = document(path)
    as_named = "name" in _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    entries = {}
    for name, entry in fields[path.stem].items():
        where = f"{path.name}: {name}"
        given = {"name": name, **entry} if as_named and isinstance(entry, dict) else entry
        entries[name] = build(kind, given, where)
    return MappingProxyType(entries), fields.get("sources", {})


@lru_cache
def document(path: Path) -> dict[str, Any]:
    """Return the top of a catalog file: its source, date, entries and table of sources."""
    try:
        found = yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise CatalogError(f"{path.name} cannot be read: {error}") from error
    header = {"source": str, "date": date, path.stem: dict[str, Any]}
    return _checked(found, {**header, "sources": dict[str, str]}, header, path.name)


def build(kind: type[T], given: Any, where: str) -> T:
    """Make a `kind`, one of the dataclasses of entries/, of a YAML mapping."""
    hints, required = _hints(kind), _required(kind)  # type: ignore[arg-type]  # a class is hashable
    return kind(**_checked(given, hints, required, where))


def _checked(given: Any, hints: Mapping[str, Any], required: Iterable[str], where: str) -> dict[str, Any]:
    """Return the fields of a YAML mapping converted to `hints`; refuse unknown and missing ones."""
    if not isinstance(given, Mapping):
        raise CatalogError(f"{where}: expected fields, found {given!r}")
    for field in given:
        if field not in hints:
            raise CatalogError(f"{where}: {field}: unknown field; known are {', '.join(hints)}")
    for field in required:
        if field not in given:
            raise CatalogError(f"{where}: {field}: missing")
    return {field: _converted(value, hints[field], f"{where}: {field}") for field, value in given.items()}


def _converted(value: Any, hint: Any, where: str) -> Any:
    """Return a YAML value as the type `hint`: a tuple of a list, a dataclass or Mapping of a mapping."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return _converted(value, arguments[0], where)
    if origin is Literal:
        if value not in arguments:
            raise CatalogError(f"{where}: {value!r} is not one of {', '.join(arguments)}")
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_converted(item, arguments[0], where) for item in value)
    if origin in (dict, Mapping) and isinstance(value, dict):
        values = {str(key): _converted(item, arguments[1], f"{where}: {key}") for key, item in value.items()}
        return MappingProxyType(values)
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where)  # type: ignore[arg-type]
    if hint is float and type(value) is int:
        return float(value)
    if hint is Any or type(value) is hint:
        return value
    raise CatalogError(f"{where}: {value!r} is not of type {getattr(hint, '__name__', hint)}")


@lru_cache
def _hints(kind: type[Any]) -> Mapping[str, Any]:
    return get_type_hints(kind)


@lru_cache
def _required(kind: type[Any]) -> tuple[str, ...]:
    fields = dataclasses.fields(kind)
    return tuple(f.name for f in fields if dataclasses.MISSING is f.default is f.default_factory)
