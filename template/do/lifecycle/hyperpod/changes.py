# Part of the library: `copier update` replaces this file.
"""What applying the manifests changes: found out by having the cluster try it, without doing it."""

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
    """An object as it is, as it would be, and each difference in a line; `before` is None for a new one."""

    entry: Object
    before: Object | None
    lines: list[str]

    @property
    def name(self) -> str:
        return f"{self.entry['kind']} {self.entry['metadata']['name']}"

    @property
    def action(self) -> str:
        """What happens to it: create, change or keep."""
        return "create" if self.before is None else "change" if self.lines else "keep"


def of(api: Api, manifests: Manifests, force: bool = False) -> list[Change]:
    """Return what applying would do to each object. Raises Failure for what the cluster would not take."""
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
    """Raise Failure (policy) for an object of the same name that is not this project's."""
    theirs = live["metadata"].get("labels", {})
    if any(theirs.get(name) != value for name, value in labels.items()):
        what = f"there is another {live['kind']} {live['metadata']['name']}"
        seen = f"its labels are {theirs or 'none'}"
        remedy = "give this project another name or namespace, or delete that one"
        raise Failure(POLICY, "not-ours", what, seen, remedy)


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
    """Return an object as it was last applied by these commands, None when it never was.

    The cluster keeps which fields each manager set; the values are those that the object has now.
    """
    for entry in live["metadata"].get("managedFields", []):
        if entry["manager"] == MANAGER and entry["operation"] == "Apply":
            found: Object = _owned(live, entry["fieldsV1"])
            names = {key: live["metadata"][key] for key in ("name", "namespace") if key in live["metadata"]}
            head = {"apiVersion": entry["apiVersion"], "kind": live["kind"]}
            return {**head, **found, "metadata": {**found.get("metadata", {}), **names}}
    return None


def _owned(value: Any, fields: dict[str, Any]) -> Any:
    """Return the part of a value that a set of fields names, as server-side apply writes it down."""
    inner = {key: part for key, part in fields.items() if key != "."}
    if not inner:
        return value
    if isinstance(value, dict):
        kept = {key.removeprefix("f:"): part for key, part in inner.items()}
        return {key: _owned(value[key], part) for key, part in kept.items() if key in value}
    return [_owned(item, part) for key, part in inner.items() for item in value if _is(item, key)]


def _is(item: Any, key: str) -> bool:
    """Return whether an item of a list is the one that a key of fieldsV1 names."""
    named = json.loads(key[2:])
    if key.startswith("v:"):
        return bool(item == named)
    return all(item.get(name, _DEFAULTS.get(name)) == value for name, value in named.items())


_DEFAULTS = {"protocol": "TCP"}  # part of a port's key, and left out when it is this


def _plain(entry: Object) -> Object:
    """Return an object without what the cluster keeps book of."""
    metadata = {key: value for key, value in entry["metadata"].items() if key not in LIVE}
    return {**{key: value for key, value in entry.items() if key != "status"}, "metadata": metadata}


def _name(item: Any, place: int) -> str:
    return str(item["name"]) if isinstance(item, dict) and "name" in item else str(place)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
