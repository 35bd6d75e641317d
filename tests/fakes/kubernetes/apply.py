"""Server-side apply: the managers of fields, conflicts, and the removal of fields that are no longer applied.

The rules are those of the Kubernetes documentation and of sigs.k8s.io/structured-merge-diff; fields have the
format fieldsV1: `f:name` in a mapping, `k:{"name":"x"}` in a list of mappings with keys, `v:"x"` in a set.
"""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
Fields = dict[str, Any]
Path = tuple[str, ...]

# The lists that are merged by key, by field name; other lists are one value.
KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
}
PORTS = {"Service": ("port", "protocol"), "Deployment": ("containerPort", "protocol")}
ATOMIC = {"selector", "nodeSelector", "resources.limits", "labelSelector", "secretKeyRef", "configMapRef"}
IGNORED = {("f:apiVersion",), ("f:kind",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace")}
UNOWNED = {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"}


class Conflict(Exception):
    """Fields that another manager has set to other values: (manager, path) each."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        super().__init__(str(fields))
        self.fields = fields


def apply(live: Object | None, applied: Object, manager: str, force: bool) -> Object:
    """Return the resulting object. Raise Conflict."""
    kind = applied["kind"]
    before = copy.deepcopy(live) if live else {"metadata": {}}
    entries = {_identity(e): e for e in before["metadata"].get("managedFields", [])}
    mine = (manager, "Apply")
    wanted = {path for path in paths(fields_of(applied, kind)) if path not in IGNORED}
    owned = {key: set(paths(entry["fieldsV1"])) for key, entry in entries.items()}
    conflicts = []
    for key, theirs in owned.items():
        if key == mine:
            continue
        for path in sorted(theirs & wanted):
            if get(before, path, kind) != get(applied, path, kind):
                conflicts.append((key[0], dotted(path)))
                theirs.discard(path)
    if conflicts and not force:
        raise Conflict(conflicts)
    result: Object = merge(before, applied, kind)
    others = set().union(*(theirs for key, theirs in owned.items() if key != mine)) if owned else set()
    for path in sorted(owned.get(mine, set()) - wanted - others, key=len, reverse=True):
        remove(result, path, kind)
    owned[mine] = wanted
    result["metadata"]["managedFields"] = [
        _entry(key, fields, applied["apiVersion"], entries.get(key))
        for key, fields in owned.items()
        if fields
    ]
    return result


def updated(before: Object, after: Object, manager: str) -> Object:
    """Return `after` with the differences from `before` owned by one manager (operation Update)."""
    kind = after["kind"]
    old = {path: get(before, path, kind) for path in paths(fields_of(before, kind))}
    new = {path: get(after, path, kind) for path in paths(fields_of(after, kind))}
    changed = {path for path, value in new.items() if path not in IGNORED and old.get(path, old) != value}
    gone = set(old) - set(new)
    entries = {_identity(e): e for e in before["metadata"].get("managedFields", [])}
    owned = {key: set(paths(entry["fieldsV1"])) - changed - gone for key, entry in entries.items()}
    owned[manager, "Update"] = owned.get((manager, "Update"), set()) | changed
    after["metadata"]["managedFields"] = [
        _entry(key, fields, after["apiVersion"], entries.get(key)) for key, fields in owned.items() if fields
    ]
    return after


def fields_of(value: Object, kind: str) -> Fields:
    """Return the fields of an object as a tree."""
    status = {key: part for key, part in value.items() if key != "status"}
    metadata = {key: part for key, part in value.get("metadata", {}).items() if key not in UNOWNED}
    tree: Fields = _tree({**status, "metadata": metadata}, kind, "")
    return tree


def paths(tree: Fields, start: Path = ()) -> Iterator[Path]:
    """Yield the path of each leaf."""
    for key, part in tree.items():
        if key == ".":
            yield (*start, key)
        elif part:
            yield from paths(part, (*start, key))
        else:
            yield (*start, key)


def merge(before: Any, applied: Any, kind: str, name: str = "") -> Any:
    """Return `before` with the applied fields."""
    if isinstance(before, dict) and isinstance(applied, dict) and name not in ATOMIC:
        return {
            **before,
            **{key: merge(before.get(key), value, kind, key) for key, value in applied.items()},
        }
    keys = _keys(name, kind)
    if keys and isinstance(before, list) and isinstance(applied, list):
        found = list(before)
        for item in applied:
            place = next((i for i, old in enumerate(found) if _key(old, keys) == _key(item, keys)), None)
            if place is None:
                found.append(copy.deepcopy(item))
            else:
                found[place] = merge(found[place], item, kind)
        return found
    return copy.deepcopy(applied)


def get(value: Any, path: Path, kind: str) -> Any:
    """Return the value at a path, None if there is none."""
    for step in path:
        if step == ".":
            return True  # the item itself exists
        value = _step(value, step)
        if value is None:
            return None
    return value


def remove(value: Any, path: Path, kind: str) -> None:
    """Remove the value at a path, and an item of a list with its last field."""
    holder = get(value, path[:-1], kind) if len(path) > 1 else value
    last = path[-1]
    if holder is None:
        return
    if last == ".":
        outer = get(value, path[:-2], kind)
        if isinstance(outer, list) and holder in outer:
            outer.remove(holder)
    elif isinstance(holder, dict):
        holder.pop(last[2:], None)
        if not holder and len(path) > 1:
            remove(value, path[:-1], kind)
    elif isinstance(holder, list) and (found := _step(holder, last)) is not None:
        holder.remove(found)


def dotted(path: Path) -> str:
    """Return a path in the format of error messages: .spec.template.spec.containers[name="x"].image."""
    text = ""
    for step in path:
        if step.startswith("k:"):
            keys = json.loads(step[2:])
            text += "[" + ",".join(f"{name}={json.dumps(value)}" for name, value in keys.items()) + "]"
        elif step != ".":
            text += f".{step[2:]}"
    return text


def _tree(value: Any, kind: str, name: str) -> Fields:
    if isinstance(value, dict) and value and name not in ATOMIC:
        return {f"f:{key}": _tree(part, kind, key) for key, part in value.items()}
    keys = _keys(name, kind)
    if keys and isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        tree: Fields = {}
        for item in value:
            inner = _tree(item, kind, "")
            tree["k:" + json.dumps(_key(item, keys), separators=(",", ":"), sort_keys=True)] = {
                ".": {},
                **inner,
            }
        return tree
    return {}


def _keys(name: str, kind: str) -> tuple[str, ...]:
    return PORTS.get(kind, ()) if name == "ports" else KEYS.get(name, ())


def _key(item: Object, keys: tuple[str, ...]) -> Object:
    return {key: item.get(key, "TCP" if key == "protocol" else None) for key in keys}


def _step(value: Any, step: str) -> Any:
    if step.startswith("f:"):
        return value.get(step[2:]) if isinstance(value, dict) else None
    wanted = json.loads(step[2:])
    if not isinstance(value, list):
        return None
    return next((item for item in value if _key(item, tuple(wanted)) == wanted), None)


def _identity(entry: Object) -> tuple[str, str]:
    return entry["manager"], entry["operation"]


def _entry(key: tuple[str, str], fields: set[Path], version: str, old: Object | None) -> Object:
    tree: Fields = {}
    for path in sorted(fields):
        place = tree
        for step in path:
            place = place.setdefault(step, {})
    if old and old["fieldsV1"] == tree:
        return old
    return {
        "manager": key[0],
        "operation": key[1],
        "apiVersion": version,
        "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "fieldsType": "FieldsV1",
        "fieldsV1": tree,
    }
