"""Rewrite instances.yml with the specifications and prices that AWS publishes today.

A maintainer's script, run by hand with credentials that may call ec2:DescribeInstanceTypes and
pricing:GetProducts; both only read.

    pip install 'boto3>=1.44' pyyaml
    python catalog/refresh_instances.py --dry-run    # print what would change
    python catalog/refresh_instances.py              # and write it

The types are those botocore lists for SageMaker hosting, in its order; upgrade boto3 for new ones.
Prices are of us-east-1. Facts that AWS does not publish (compute capability, memory bandwidth, visible
memory, ...) stay, and a new type takes them from a type with the same accelerator. Whatever AWS does not
answer for stays unchanged, with a line on stderr. Review the diff, then run the unit tests.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

try:
    import botocore
    import yaml
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    from botocore.parsers import ResponseParserError

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from catalog.aws_instances import (
        REGION,
        Entry,
        UnexpectedAnswer,
        described,
        hosting_prices,
        hosting_types,
        report,
    )
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}. Run: python -m pip install 'boto3>=1.44' pyyaml") from None

INSTANCES = Path(__file__).resolve().parent / "instances.yml"
SOURCES = {
    "ec2-api": "ec2 describe-instance-types",
    "pricing-api": f"SageMaker price, {REGION}, AWS Price List API (pricing get-products)",
}
MEASURED = ("driver_visible_gib", "compute_capability", "bf16", "fp8_native", "mem_bw_gbs")
FIELDS = ("vcpu", "memory_gib", "disk_gb", "arch", "burstable", "price", "accelerator", "source")


def main(arguments: list[str] | None = None, path: Path = INSTANCES) -> None:
    """Query AWS, print and write the changes. On failure: one line, exit 1, nothing written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="print what would change, write nothing")
    dry_run = parser.parse_args(arguments).dry_run
    comments, document = read(path)
    old: dict[str, Entry] = document["instances"]
    try:
        names = hosting_types()
        specifications = dict(described([*names, *(name for name in old if name not in names)]))
        new = refreshed(old, names, specifications, hosting_prices())
    except (BotoCoreError, ClientError, ResponseParserError, UnexpectedAnswer) as error:
        raise SystemExit(f"{path.name} stays as it was: {explained(error)}") from error
    for line in changes(old, new):
        print(line)
    if not dry_run:
        write(path, comments, {**document, **header(document, new), "instances": new})


def explained(error: Exception) -> str:
    """Return the cause of a failed call and the next step, in one line."""
    said = " ".join(str(error).split())[:300]
    if isinstance(error, NoCredentialsError):
        return f"{said}. Log in (aws sso login) or set AWS_PROFILE, then run this again"
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if "Unauthorized" in code or "AccessDenied" in code:
        return f"{said} Allow ec2:DescribeInstanceTypes and pricing:GetProducts, then run this again"
    return f"{said} Run this again later"


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the comments at the top of `path`, and what it holds."""
    text = path.read_text()
    comments = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    return comments, yaml.load(text, yaml.CSafeLoader)


def write(path: Path, comments: str, document: dict[str, Any]) -> None:
    """Replace `path` at once, so that a reader, or a crash, never meets half a file."""
    head = {key: value for key, value in document.items() if key != "instances"}
    text = comments + yaml.safe_dump(head, sort_keys=False, width=sys.maxsize) + "instances:\n"
    for name, entry in document["instances"].items():
        flow = yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=sys.maxsize)
        text += f"  {name}: {flow}"
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
        file.write(text)
    os.chmod(file.name, path.stat().st_mode)
    os.replace(file.name, path)


def header(document: dict[str, Any], instances: dict[str, Entry]) -> dict[str, Any]:
    """Return the file's source, date and table of sources; the table lists those which are in use."""
    used = {entry["source"] for entry in instances.values()}
    used |= {entry["price"]["source"] for entry in instances.values() if "price" in entry}
    sources = {**document["sources"], **SOURCES}
    return {
        "source": f"the instance types of botocore {botocore.__version__}; "
        "specifications and prices from the sources below",
        "date": datetime.now(UTC).date(),
        "sources": {key: text for key, text in sources.items() if key in used},
    }


def refreshed(
    old: dict[str, Entry], names: list[str], specifications: dict[str, Entry], prices: dict[str, float]
) -> dict[str, Entry]:
    """Return the entries to write: those botocore lists in its order, then others the file had."""
    if not set(specifications) & set(names):
        raise UnexpectedAnswer("EC2 describes not one of the hosting types.")
    measured = {
        (entry["accelerator"]["name"], entry["accelerator"]["memory_gib"]): {
            key: entry["accelerator"][key] for key in MEASURED if key in entry["accelerator"]
        }
        for entry in old.values()
        if "accelerator" in entry
    }
    new = {}
    for name in [*names, *(name for name in old if name not in names)]:
        if name not in names:
            report(f"{name}: botocore {botocore.__version__} does not list it; it stays, at the end")
        if name in specifications:
            entry = merged(name, old.get(name, {}), specifications[name], measured)
        elif name in old:
            report(f"{name}: EC2 does not describe it; its specification stays")
            entry = old[name]
        else:
            report(f"{name}: not in EC2 or the file; skipped")
            continue
        new[name] = priced(name, entry, prices)
    return new


def merged(name: str, old: Entry, fresh: Entry, measured: dict[tuple[str, float], Entry]) -> Entry:
    """Return the entry of a type EC2 describes; other facts come from the old entry or a similar type."""
    seen, kept = fresh["accelerator"], old.get("accelerator")
    if kept and not seen:
        report(f"{name}: EC2 lists no accelerator; the old one stays")
    elif kept:
        # A name once given stays, for people search for it.
        kept = {**kept, "count": seen["count"], "memory_gib": seen["memory_gib"]}
    elif seen:
        facts = measured.get((seen["name"], seen["memory_gib"]))
        if facts is None:
            report(f"{name}: nothing more is known of {seen['name']}; add {', '.join(MEASURED)}")
        kept = {**seen, **(facts or {})}
    return {**old, **fresh, "accelerator": kept, "source": "ec2-api"}


def priced(name: str, entry: Entry, prices: dict[str, float]) -> Entry:
    """Return `entry` with today's price, where there is one, and its fields in the file's order."""
    if name in prices:
        entry = {**entry, "price": {"usd_h": prices[name], "estimated": False, "source": "pricing-api"}}
    else:
        report(
            f"{name}: no price of hosting in {REGION}; {'the old one stays' if 'price' in entry else 'none'}"
        )
    return {key: entry[key] for key in FIELDS if entry.get(key)}


def changes(old: dict[str, Entry], new: dict[str, Entry]) -> Iterator[str]:
    """Yield a line for each type that is new or whose figures change, then one that sums up."""
    count = 0
    for name, entry in new.items():
        before, after = flat(old.get(name, {})), flat(entry)
        differences = [f"{key} {before.get(key)} -> {after.get(key)}" for key in differing(before, after)]
        if differences:
            count += 1
            yield f"{name}: {', '.join(differences)}" if name in old else f"{name}: new"
    yield f"{count} of {len(new)} types change"


def differing(before: Entry, after: Entry) -> Iterable[str]:
    """Return the keys of figures that are not the same; sources are no figures."""
    return [key for key in {**before, **after} if before.get(key) != after.get(key) and "source" not in key]


def flat(entry: Entry) -> Entry:
    """Return `entry` with the fields of price and accelerator next to the others."""
    flattened: Entry = {}
    for key, value in entry.items():
        flattened.update(
            {f"{key}.{part}": v for part, v in value.items()} if isinstance(value, dict) else {key: value}
        )
    return flattened


if __name__ == "__main__":
    main()
