# Part of the library: `copier update` replaces this file.
"""The changes of an apply, from a server-side dry run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lifecycle.hyperpod.api import MANAGER, Api
from lifecycle.hyperpod.manifests import Manifests, Object
from lifecycle.project import POLICY, Failure

LIVE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
SHOWN = 60


@dataclass
class Change:
    """An object, its present state (None if new), and the differences as lines."""

    entry: Object
    before: Object | None
    lines: list[str]

    @property
    def name(self) -> str:
        return f"{self.entry['kind']} {self.entry['metadata']['name']}"

    @property
    def action(self) -> str:
        """The action: create, change or keep."""
        return "create" if self.before is None else "change" if self.lines else "keep"


def of(api: Api, manifests: Manifests, force: bool = False) -> list[Change]:
    """Return the change of each object. Raise Failure for an object that the cluster rejects."""
    found = []
    for entry in manifests.objects:
        before = api.get(api.path_of(entry))
        if before:
            _refuse_others(before, manifests.labels)
        after = api.apply(entry, dry_run=True, force=force)
        lines = list(differences(_plain(before), _plain(after))) if before else []
        found.append(Change(entry, before, lines))
    return found


def _refuse_others(live: Object, labels: dict[str, str]) -> None:
    """Raise Failure (policy) for an object of another project with the same name."""
    theirs = live["metadata"].get("labels", {})
    if any(theirs.get(name) != value for name, value in labels.items()):
        what = f"the {live['kind']} {live['metadata']['name']} is owned by another project"
        seen = f"its labels are {theirs or 'none'}"
        next_step = "use another project name or namespace, or delete the object"
        raise Failure(POLICY, "not-ours", what, seen, next_step)


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yield each difference of two values as `path: before -> after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if path else key
            if key not in after:
                yield f"{inner}: {_short(before[key])} -> (none)"
            elif key not in before:
                yield f"{inner}: (none) -> {_short(after[key])}"
            else:
                yield from differences(before[key], after[key], inner)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{path}[{_name(new, place)}]")
    elif before != after:
        yield f"{path}: {_short(before)} -> {_short(after)}"


def set_by_us(live: Object) -> Object | None:
    """Return the fields of an object that these commands applied last, None without an apply.

    The cluster records the fields of each manager; the values are the present ones.
    """
    for entry in live["metadata"].get("managedFields", []):
        if entry["manager"] == MANAGER and entry["operation"] == "Apply":
            found: Object = _owned(live, entry["fieldsV1"])
            names = {key: live["metadata"][key] for key in ("name", "namespace") if key in live["metadata"]}
            head = {"apiVersion": entry["apiVersion"], "kind": live["kind"]}
            return {**head, **found, "metadata": {**found.get("metadata", {}), **names}}
    return None


def _owned(value: Any, fields: dict[str, Any]) -> Any:
    """Return the part of a value that a set of fields in the format fieldsV1 names."""
    inner = {key: part for key, part in fields.items() if key != "."}
    if not inner:
        return value
    if isinstance(value, dict):
        kept = {key.removeprefix("f:"): part for key, part in inner.items()}
        return {key: _owned(value[key], part) for key, part in kept.items() if key in value}
    return [_owned(item, part) for key, part in inner.items() for item in value if _is(item, key)]


def _is(item: Any, key: str) -> bool:
    """Return whether a key of fieldsV1 refers to an item of a list."""
    named = json.loads(key[2:])
    if key.startswith("v:"):
        return bool(item == named)
    return all(item.get(name, _DEFAULTS.get(name)) == value for name, value in named.items())


_DEFAULTS = {"protocol": "TCP"}  # part of the key of a port; omitted if it has this value


def _plain(entry: Object) -> Object:
    """Return an object without the fields that the cluster maintains."""
    metadata = {key: value for key, value in entry["metadata"].items() if key not in LIVE}
    return {**{key: value for key, value in entry.items() if key != "status"}, "metadata": metadata}


def _name(item: Any, place: int) -> str:
    return str(item["name"]) if isinstance(item, dict) and "name" in item else str(place)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
