"""A model's size to instance types: types that fit, their order, and the message for the rest."""

import math
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extensions.mcc.catalog import catalog
from extensions.mcc.catalog.entries.instances import Instance, Price
from extensions.mcc.errors.errors import InvalidAnswer
from extensions.mcc.sizing import cpu_sizer

MIB = 1024**2
GIB = 1024**3
ALL = list(catalog.instances().values())
frameworks = st.sampled_from(sorted(catalog.frameworks()))
profiles = st.sampled_from(["throughput", "latency"])
sizes = st.integers(0, 2000 * GIB)


def instance(name: str, usd_h: float | None = 1.0, memory_gib: float = 8.0, vcpu: int = 2) -> Instance:
    price = None if usd_h is None else Price(usd_h, estimated=False, source="test")
    return Instance(name, vcpu, memory_gib, "x86_64", "test", price=price)


def ranked(*instances: Instance, size: int = MIB, profile: str = "latency") -> list[str]:
    return [choice.instance.name for choice in cpu_sizer.cpu_choices("sklearn", size, profile, instances)]


@settings(max_examples=30, deadline=None)
@given(frameworks, sizes, profiles, st.randoms())
def test_ranking_is_independent_of_catalog_order(
    framework: str, size: int, profile: str, order: random.Random
) -> None:
    shuffled = order.sample(ALL, len(ALL))
    assert cpu_sizer.cpu_choices(framework, size, profile, shuffled) == cpu_sizer.cpu_choices(
        framework, size, profile
    )


@settings(max_examples=30, deadline=None)
@given(frameworks, sizes, profiles)
def test_what_fits_comes_first_and_cheapest_first(framework: str, size: int, profile: str) -> None:
    choices = cpu_sizer.cpu_choices(framework, size, profile)
    fitting = [choice for choice in choices if choice.reason is None]
    assert choices[: len(fitting)] == fitting
    assert [choice.usd_h for choice in fitting] == sorted(choice.usd_h for choice in fitting)
    assert all((choice.headroom_gib >= 0) == (choice.reason is None) for choice in choices)


@settings(max_examples=30, deadline=None)
@given(frameworks, sizes, sizes, profiles)
def test_a_bigger_model_never_fits_where_a_smaller_one_does_not(
    framework: str, one: int, other: int, profile: str
) -> None:
    small, big = (
        {
            choice.instance.name
            for choice in cpu_sizer.cpu_choices(framework, size, profile)
            if not choice.reason
        }
        for size in sorted((one, other))
    )
    assert big <= small


@settings(max_examples=30, deadline=None)
@given(frameworks, sizes, profiles)
def test_default_is_the_cheapest_plain_type_that_fits(framework: str, size: int, profile: str) -> None:
    def plain(item: Instance) -> bool:
        return item.kind == "cpu" and item.arch == "x86_64" and not item.burstable

    fitting = [
        choice
        for choice in cpu_sizer.cpu_choices(framework, size, profile)
        if choice.reason is None and plain(choice.instance)
    ]
    if fitting:
        assert cpu_sizer.default_instance(framework, size, profile) == fitting[0].instance
        assert fitting[0].usd_h == min(choice.usd_h for choice in fitting)
    else:
        with pytest.raises(InvalidAnswer):
            cpu_sizer.default_instance(framework, size, profile)


def test_memory_of_a_shared_model() -> None:
    memory = catalog.frameworks()["sklearn"].memory
    (choice,) = cpu_sizer.cpu_choices("sklearn", GIB, "throughput", [instance("ml.x1.large", vcpu=4)])
    assert choice.workers == 4
    assert choice.need_gib == pytest.approx((memory.base_mib + 4 * memory.worker_mib) / 1024 + 3)
    assert choice.headroom_gib == pytest.approx(0.7 * 8 - choice.need_gib)


def test_memory_of_a_model_in_every_worker() -> None:
    memory = catalog.frameworks()["tensorflow"].memory
    (many,) = cpu_sizer.cpu_choices("tensorflow", GIB, "throughput", [instance("ml.x1.large", vcpu=4)])
    (one,) = cpu_sizer.cpu_choices("tensorflow", GIB, "latency", [instance("ml.x1.large", vcpu=4)])
    assert many.need_gib == pytest.approx((memory.base_mib + 4 * memory.worker_mib) / 1024 + 12)
    assert one.need_gib == pytest.approx((memory.base_mib + memory.worker_mib) / 1024 + 3)
    assert many.reason == f"needs {many.need_gib:.1f} GiB for 4 workers, 5.6 GiB are usable"
    assert one.reason is None


def test_order_is_price_then_headroom_then_generation_then_name() -> None:
    dear, cheap = instance("ml.a1.large", 2.0, 64.0), instance("ml.z1.large", 1.0)
    assert ranked(dear, cheap) == ["ml.z1.large", "ml.a1.large"]
    roomy = instance("ml.z1.xlarge", 1.0, 16.0)
    assert ranked(cheap, roomy) == ["ml.z1.xlarge", "ml.z1.large"]
    newer = instance("ml.z2.large", 1.0)
    assert ranked(cheap, newer) == ["ml.z2.large", "ml.z1.large"]
    assert ranked(cheap, instance("ml.b1.large", 1.0)) == ["ml.b1.large", "ml.z1.large"]
    assert ranked(cheap, instance("ml.a9.large", None)) == ["ml.z1.large", "ml.a9.large"]
    assert ranked(cheap, roomy, size=2 * GIB) == ["ml.z1.xlarge", "ml.z1.large"]


def test_only_cpu_and_gpu_types_are_choices() -> None:
    kinds = {choice.instance.kind for choice in cpu_sizer.cpu_choices("sklearn", MIB, "latency")}
    assert kinds == {"cpu", "gpu"}


def test_a_type_without_a_price_comes_last() -> None:
    fitting = [choice for choice in cpu_sizer.cpu_choices("sklearn", MIB, "latency") if choice.reason is None]
    assert math.isinf(fitting[-1].usd_h) and not math.isinf(fitting[0].usd_h)


def test_default_for_a_model_that_is_not_known_yet() -> None:
    assert cpu_sizer.default_instance("sklearn", None, "throughput").name == "ml.c6i.large"


def test_a_model_that_nothing_holds_is_refused_with_advice() -> None:
    with pytest.raises(InvalidAnswer, match="Use a smaller model"):
        cpu_sizer.default_instance("sklearn", 10**15, "throughput")
    with pytest.raises(InvalidAnswer, match="Set serving_profile=latency"):
        cpu_sizer.default_instance("tensorflow", 100 * GIB, "throughput")


def test_labels_say_what_a_type_is() -> None:
    labels = cpu_sizer.labels("sklearn", MIB, "throughput")
    by_name = {name: label for label, name in labels.items()}
    assert by_name["ml.m5.large"] == "ml.m5.large: $0.115/h, 2 vCPU, 8 GiB"
    assert by_name["ml.c6i.large"] == "ml.c6i.large: $0.102/h, 2 vCPU, 4 GiB"
    assert by_name["ml.c8g.medium"] == "ml.c8g.medium: about $0.048/h, 1 vCPU, 2 GiB, arm64"
    assert by_name["ml.t2.medium"].endswith("burstable")
    assert len(by_name) == len(labels) == cpu_sizer.OFFERED


def test_a_type_that_is_not_among_the_cheapest_is_offered_when_it_is_asked_for() -> None:
    for name, words in {
        "ml.m5.xlarge": "ml.m5.xlarge: $0.230/h, 4 vCPU, 16 GiB",
        "ml.g5.xlarge": "its GPU is not used",
        "ml.p5e.48xlarge": "price unknown",
    }.items():
        *_, (label, last) = cpu_sizer.labels("sklearn", MIB, "throughput", name).items()
        assert last == name and words in label


def test_labels_keep_an_answer_given_before() -> None:
    *_, (label, name) = cpu_sizer.labels("sklearn", 4 * GIB, "throughput", "ml.c5.large").items()
    assert name == "ml.c5.large"
    assert re.fullmatch(r"ml\.c5\.large: needs 12\.\d GiB for 2 workers, 2\.8 GiB are usable", label)
    gone = cpu_sizer.labels("sklearn", MIB, "latency", "ml.old.large")
    assert gone["ml.old.large: no longer in the catalog"] == "ml.old.large"
    assert cpu_sizer.labels("sklearn", MIB, "latency", "ml.m5.large") == cpu_sizer.labels(
        "sklearn", MIB, "latency"
    )
