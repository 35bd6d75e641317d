"""Rewrite offers.yml, the instance types of SageMaker hosting in each Region, from a release of cfn-lint.

A maintainer's script, run by hand. cfn-lint's lists are those of AWS's price list; it reads the wheel without
installing it:

    pip install pyyaml
    python catalog/refresh_offers.py cfn-lint==1.58.0 --check    # compare
    python catalog/refresh_offers.py cfn-lint==1.58.0            # and write
"""

import argparse
import json
import sys
import zipfile
from datetime import date
from pathlib import Path

try:
    import yaml
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}. Run: python -m pip install pyyaml") from None

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from catalog.refresh_engines import CATALOG, WHEELS, archive

FILE = CATALOG / "offers.yml"
TYPES = "cfnlint/data/schemas/extensions/aws_sagemaker_hosting/instancetype_enum.json"


def main(arguments: list[str] | None = None, file: Path = FILE, wheels: Path = WHEELS) -> int:
    """Read a package; write its types. Return 1 if a check finds a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("package", metavar="cfn-lint==VERSION")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if something differs")
    options = parser.parse_args(arguments)
    with zipfile.ZipFile(archive(options.package, wheels)) as wheel:
        listed, day = json.loads(wheel.read(TYPES)), date(*wheel.getinfo(TYPES).date_time[:3])
    text = file.read_text("utf-8")
    regions = yaml.safe_load((CATALOG / "regions.yml").read_text("utf-8"))["regions"]
    offers = {name: shortened(set(listed[name]["enum"])) for name in regions if name in listed}
    changed = offers != yaml.safe_load(text)["offers"]
    print(f"{options.package}: {len(offers)} Regions, {'changed' if changed else 'no difference'}")
    if changed and not options.check:
        comments = text[: text.index("\nsource:") + 1]
        lines = [f"source: the types of SageMaker hosting in {options.package}, from AWS's price list"]
        lines += [f"date: {day}", "offers:"]
        lines += [f"  {name}: [{', '.join(types)}]" for name, types in offers.items()]
        file.write_text(comments + "\n".join(lines) + "\n", "utf-8")
    return int(options.check and changed)


def shortened(types: set[str]) -> list[str]:
    """Return the types of instances.yml, and the name of a family for all of its types there."""
    families: dict[str, list[str]] = {}
    for name in yaml.safe_load((CATALOG / "instances.yml").read_text("utf-8"))["instances"]:
        families.setdefault(name.split(".")[1], []).append(name)
    found: list[str] = []
    for family, known in families.items():
        sold = [name for name in known if name in types]
        found += [family] if sold == known else sold
    return found


if __name__ == "__main__":
    sys.exit(main())
