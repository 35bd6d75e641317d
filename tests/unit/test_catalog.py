"""The files in catalog/ are whole and consistent, and a broken one is refused with its place named."""

import itertools
import re
import shutil
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import yaml

from extensions.mcc.catalog import catalog, catalog_reader
from extensions.mcc.catalog.entries import instances, predictive
from extensions.mcc.errors.errors import CatalogError

PIN = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; (sys_platform|platform_machine) [!=]= '\w+')?")
SERVED = [
    (framework, version.number, server)
    for framework, facts in catalog.frameworks().items()
    for version, server in product(facts.versions, catalog.web_servers())
]


def names(pins: list[str]) -> list[str]:
    return [pin.partition("==")[0] for pin in pins]


def seconds_to_load_instances() -> float:
    catalog.instances.cache_clear()
    started = time.process_time()
    assert len(catalog.instances()) == 277
    return time.process_time() - started


def test_instances_are_all_there_and_load_fast() -> None:
    assert min(seconds_to_load_instances() for _ in range(3)) < 0.1, "it takes 0.03 s on an idle machine"


def test_instance_facts() -> None:
    g5 = catalog.instances()["ml.g5.xlarge"]
    assert (g5.vcpu, g5.memory_gib, g5.arch, g5.kind, g5.generation) == (4, 16, "x86_64", "gpu", 5)
    assert g5.price == instances.Price(1.408, estimated=False, source="price-list")
    assert g5.accelerator is not None and g5.accelerator.driver_visible_gib == 22.07
    families = {(item.name.split(".")[1], item.burstable) for item in catalog.instances().values()}
    assert ("t2", True) in families
    assert all(burstable == (family in ("t2", "t3")) for family, burstable in families)
    assert catalog.instances()["ml.c7g.large"].arch == "arm64"


def test_regions_cover_three_partitions() -> None:
    assert {region.partition for region in catalog.regions().values()} == {"aws", "aws-cn", "aws-us-gov"}
    assert catalog.regions()["eu-west-1"].title == "Europe (Ireland)"


def test_every_format_has_its_file() -> None:
    for framework in catalog.frameworks().values():
        for name, model_format in framework.formats.items():
            assert model_format.file in (f"model.{name}", name)


def test_the_inspection_can_choose_every_format() -> None:
    """A framework that is missing in model_kinds.yml is never chosen for a model's file."""
    chosen = {
        (name, each)
        for kind in catalog.model_kinds().values()
        for name, formats in kind.served.items()
        for each in formats
    }
    served = {name: catalog.formats(name) for name in (*catalog.frameworks(), *catalog.triton())}
    assert {(name, each) for name, formats in served.items() for each in formats} <= chosen
    assert all(kind.served or kind.fix for kind in catalog.model_kinds().values())


def test_default_versions() -> None:
    defaults = {name: facts.default_version().number for name, facts in catalog.frameworks().items()}
    specified = {"sklearn": "1.7.1", "xgboost": "2.1.3", "tensorflow": "2.20.0"}
    newest = {name: facts.versions[0].number for name, facts in catalog.frameworks().items()}
    assert defaults == {**newest, **specified}


def test_current_and_old_versions_are_offered() -> None:
    offered = {
        name: [version.number for version in facts.versions] for name, facts in catalog.frameworks().items()
    }
    assert {"1.9.1", "1.8.0", "1.7.2", "1.6.1", "1.5.2", "1.4.2"} <= set(offered["sklearn"])
    assert {f"1.{minor}.{patch}" for minor in (2, 3) for patch in range(3)} <= set(offered["sklearn"])
    assert {"3.4.1", "3.3.0", "3.2.0", "3.1.3", "3.0.5", "2.0.3", "1.7.6"} <= set(offered["xgboost"])


@pytest.mark.parametrize(("framework", "version", "server"), SERVED)
def test_numpy_2_is_pinned_where_the_library_allows_it(framework: str, version: str, server: str) -> None:
    numpy = next(pin for pin in catalog.requirements(framework, version, server) if pin.startswith("numpy=="))
    needs_numpy_1 = framework == "sklearn" and version.startswith(("1.2.", "1.3."))
    assert numpy.startswith("numpy==1." if needs_numpy_1 else "numpy==2.")


def test_a_format_has_the_packages_that_it_needs() -> None:
    with_all = names(catalog.requirements("lightgbm", "4.7.0", "http-flask", "pkl"))
    without = names(catalog.requirements("lightgbm", "4.7.0", "http-flask", "txt"))
    assert set(with_all) - set(without) == {"cloudpickle", "joblib", "scikit-learn", "threadpoolctl"}


def test_each_version_has_its_pythons() -> None:
    found = {
        (name, version.number): version.pythons
        for name, facts in catalog.frameworks().items()
        for version in facts.versions
    }
    assert found["sklearn", "1.2.2"] == ("3.11",)
    assert found["sklearn", "1.9.1"] == found["xgboost", "2.1.3"] == ("3.11", "3.12", "3.13", "3.14")
    assert found["xgboost", "3.4.1"] == ("3.12", "3.13", "3.14")
    assert found["tensorflow", "2.20.0"] == ("3.11", "3.12", "3.13")
    assert catalog.python_image("sklearn", "1.2.2") == "python:3.11-slim"
    assert catalog.python_image("xgboost", "3.4.1") == "python:3.12-slim"
    assert set(catalog.python_images()) == {"python:3.11-slim", "python:3.12-slim"}


def test_versions_are_newest_first() -> None:
    for framework in catalog.frameworks().values():
        numbers = [tuple(map(int, version.number.split("."))) for version in framework.versions]
        assert numbers == sorted(numbers, reverse=True)


def test_default_version_of_a_format_that_the_default_cannot_read() -> None:
    new = predictive.Version("2.0", ("json",), (), (), (), default=True)
    old = predictive.Version("1.0", ("json", "model"), (), (), ())
    memory = predictive.Memory(1, 1, False, "")
    framework = predictive.Framework("x", {}, memory, (new, old))
    assert framework.default_version("json") is new
    assert framework.default_version("model") is old


@pytest.mark.parametrize(("framework", "version", "server"), SERVED)
def test_requirements_pin_every_package_once(framework: str, version: str, server: str) -> None:
    pins = catalog.requirements(framework, version, server)
    assert all(PIN.fullmatch(pin) for pin in pins)
    assert names(pins) == sorted(set(names(pins)))
    assert "numpy" in names(pins)
    assert not [name for name in names(pins) if name.startswith("nvidia-")]


@pytest.mark.parametrize(("framework", "version", "server"), SERVED)
def test_direct_requirements_are_in_the_lock(framework: str, version: str, server: str) -> None:
    """A version that was added or changed without running refresh_locks.py is found here."""
    facts = next(entry for entry in catalog.frameworks()[framework].versions if entry.number == version)
    pins = catalog.requirements(framework, version, server)
    for wanted in (*facts.direct, *catalog.web_servers()[server].direct):
        package = re.split("[=<>; ]", wanted)[0]
        locked = [pin for pin in pins if pin.partition("==")[0] == package]
        assert locked, wanted
        if "==" in wanted:
            assert locked[0].partition(" ;")[0] == wanted.partition(" ;")[0]
    assert any(version in wanted for wanted in facts.direct)


def test_pandas_is_added_to_each_scikit_learn() -> None:
    for version in catalog.frameworks()["sklearn"].versions:
        pins = catalog.requirements("sklearn", version.number, "http-fastapi", with_pandas=True)
        assert all(PIN.fullmatch(pin) for pin in pins) and names(pins) == sorted(set(names(pins)))
        assert version.pandas is not None
        generation = version.pandas.direct[0].removeprefix("pandas")
        assert f"pandas=={'2' if generation == '<3' else '3'}." in " ".join(pins)


def test_requirements_of_something_unknown() -> None:
    with pytest.raises(CatalogError, match=r"'0\.1' is not among the versions of sklearn: .*1\.7\.1"):
        catalog.requirements("sklearn", "0.1", "http-flask")
    with pytest.raises(CatalogError, match="http-django"):
        catalog.requirements("sklearn", "1.7.1", "http-django")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for path in catalog.CATALOG.glob("*.yml"):
        shutil.copy(path, tmp_path)
    return tmp_path


LOADERS: dict[str, Callable[[Path], object]] = {
    "instances": catalog.instances,
    "regions": catalog.regions,
    "frameworks": catalog.frameworks,
    "web_servers": catalog.web_servers,
}
BREAKS = [
    ("instances", "vcpu: 2,", "", r"instances\.yml: ml\.t2\.medium: vcpu: missing"),
    ("instances", "vcpu: 2,", "vcpu: two,", "ml.t2.medium: vcpu: 'two' is not of type int"),
    ("instances", "vcpu: 2,", "vcpu: 2, cpus: 2,", "ml.t2.medium: cpus: unknown field"),
    ("instances", "arch: x86_64", "arch: i386", "ml.t2.medium: arch: 'i386' is not one of"),
    ("instances", "usd_h: 0.0557", "usd: 1", "ml.t2.medium: price: usd: unknown field"),
    ("instances", "source: ec2-based}", "source: x}", "ml.t2.medium: source: 'x' is not listed"),
    ("instances", "date: 2026-11-29", "", r"instances\.yml: date: missing"),
    ("regions", "regions:", "places:", r"regions\.yml: places: unknown field"),
    ("regions", "regions:", "regions: [", r"regions\.yml cannot be read"),
    ("frameworks", "        default: true\n", "", "sklearn: versions: mark exactly one"),
    ("frameworks", "formats: [pkl, joblib]", "formats: [onnx]", "sklearn: .*formats: unknown format"),
    ("frameworks", "base_mib: 1", "base_mib: 1.", "sklearn: memory: base_mib: .* type int"),
    ("frameworks", "pythons: ['3.11', '3.12', '3.13', '3.14']", "pythons: []", "1.9.1: no requirements"),
    ("frameworks", "number: 1.7.2", "number: 1.7", "sklearn: versions: number: 1.7 is not of type str"),
    ("web_servers", "http-flask:", "http-flask: 1\n  x:", "http-flask: expected fields"),
]


@pytest.mark.parametrize(("file", "old", "new", "message"), BREAKS)
def test_a_broken_file_is_refused(copy: Path, file: str, old: str, new: str, message: str) -> None:
    path = copy / f"{file}.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CatalogError, match=message):
        LOADERS[file](copy)


def test_a_format_that_no_version_reads_is_refused(copy: Path) -> None:
    path = copy / "frameworks.yml"
    path.write_text(path.read_text().replace("formats: [json, model, ubj]", "formats: [json, ubj]"))
    with pytest.raises(CatalogError, match="xgboost: formats: no version reads model"):
        catalog.frameworks(copy)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"regions\.yml cannot be read"):
        catalog.regions(tmp_path)


def test_pins_that_disagree_are_refused(copy: Path) -> None:
    path = copy / "web_servers.yml"
    path.write_text(path.read_text().replace("- orjson==", "- numpy==9\n      - orjson==", 1))
    with pytest.raises(CatalogError, match=r"pin both numpy==2\.[0-9.]+ and numpy==9"):
        catalog.requirements("sklearn", "1.7.1", "http-flask", directory=copy)


def test_what_is_returned_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        catalog.frameworks()["other"] = catalog.frameworks()["sklearn"]  # type: ignore[index]


def test_each_file_is_dated_and_sourced() -> None:
    for path in catalog.CATALOG.glob("*.yml"):
        document = yaml.safe_load(path.read_text())
        assert document["source"] and document["date"], path.name


def test_every_price_is_quoted_with_a_dated_source_or_marked_as_an_estimate() -> None:
    """A price of before a cut was once given as today's: $37.69 instead of $25.25 for ml.p4d.24xlarge."""
    sources = catalog_reader.document(catalog.CATALOG / "instances.yml")["sources"]
    for name, instance in catalog.instances().items():
        if instance.price is None:
            continue
        assert instance.price.estimated == (instance.price.source == "ec2-based"), name
        if not instance.price.estimated:
            assert re.search(r"\b202[4-9]\b", sources[instance.price.source]), instance.price.source
    known = catalog.instances()
    for name, usd_h in (("ml.p4d.24xlarge", 25.2513), ("ml.p5.4xlarge", 7.912), ("ml.g7e.2xlarge", 4.2039)):
        price = known[name].price
        assert price and (price.usd_h, price.estimated) == (usd_h, False)


def test_a_larger_size_of_a_family_costs_more() -> None:
    """The next size costs no more than its share: a price of another size or family stands out."""
    families: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for instance in catalog.instances().values():
        if instance.price:
            cards = instance.accelerator.count if instance.accelerator else 0
            sizes = families.setdefault((instance.name.split(".")[1], cards), [])
            sizes.append((instance.vcpu + instance.memory_gib / 1000, instance.price.usd_h))
    for family, sizes in families.items():
        for (fewer, low), (more, high) in itertools.pairwise(sorted(sizes)):
            assert low < high <= 1.1 * low * max(2.0, more / fewer), family
