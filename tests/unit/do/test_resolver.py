"""Pins for several versions of Python and platforms are joined to one list."""

import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from lifecycle.predictive import resolver

FAKE = """
import json, os, sys, time
arguments = sys.argv[1:]
python = arguments[arguments.index("--python-version") + 1]
platform = arguments[arguments.index("--python-platform") + 1]
with open(CALLS, "a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
answer = ANSWERS.get(f"{python} {platform}", ANSWERS.get(platform, ANSWERS.get(python, ANSWERS.get("all"))))
if answer is None:
    sys.exit(" No solution found for " + python)
time.sleep(answer if isinstance(answer, float) else 0)
if os.path.exists("pylock.toml"):
    open(CALLS + ".kept", "w").write(open("pylock.toml").read())
with open("pylock.toml", "w") as output:
    for line in str(answer).split():
        name, _, version = line.partition("==")
        digest = sum(map(ord, line + platform)) % 1000
        file = f'{{url = "x", hashes = {{sha256 = "{digest:064}"}}}}' if WITH_HASHES else '{url = "x"}'
        output.write(f'[[packages]]\\nname = "{name}"\\nversion = "{version}"\\nwheels = [{file}]\\n')
open(CALLS + ".overrides", "w").write(open(arguments[arguments.index("--overrides") + 1]).read())
"""
Fake = Callable[..., resolver.Uv]


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Return a function that returns a uv with answers by Python, by platform, or for all."""

    def install(answers: dict[str, object], seconds: float = 20, hashes: bool = True) -> resolver.Uv:
        program = tmp_path / "uv.py"
        head = f"ANSWERS = {answers!r}\nCALLS = {str(tmp_path / 'calls')!r}\nWITH_HASHES = {hashes}\n"
        program.write_text(head + FAKE)
        return resolver.Uv([sys.executable, "-S", str(program)], {}, seconds)

    return install


def test_a_package_of_some_platforms_gets_the_plain_marker(fake: Fake) -> None:
    linux, mac = "numpy==2.0.0\nxgboost-cpu==3.0.2\n", "numpy==2.0.0\nxgboost==3.0.2\n"
    uv = fake({resolver.LINUX_X86: linux, resolver.LINUX_ARM: linux, resolver.MAC_ARM: mac})
    lock = resolver.resolve(uv, resolver.Wanted(["xgboost"]), ["3.11", "3.12"])
    assert lock.pythons == ("3.11", "3.12")
    assert lock.requirements == (
        "numpy==2.0.0",
        "xgboost==3.0.2 ; sys_platform != 'linux'",
        "xgboost-cpu==3.0.2 ; sys_platform == 'linux'",
    )
    # One wheel of numpy for each platform, and those of XGBoost for theirs.
    assert {pin: len(digests) for pin, digests in lock.hashes.items()} == {
        "numpy==2.0.0": 3,
        "xgboost==3.0.2": 1,
        "xgboost-cpu==3.0.2": 2,
    }
    lines = resolver.with_hashes(lock.requirements, lock.hashes)
    first, second = lock.hashes["xgboost-cpu==3.0.2"]
    assert lines[-3:] == [
        "xgboost-cpu==3.0.2 ; sys_platform == 'linux' \\",
        f"    --hash=sha256:{first} \\",
        f"    --hash=sha256:{second}",
    ]


def test_pins_to_keep_are_given_to_uv(fake: Fake, tmp_path: Path) -> None:
    wanted = resolver.Wanted(["numpy"], kept=["numpy==2.0.0 \\", "    --hash=sha256:1", "six==1.0 ; x"])
    resolver.resolve(fake({"all": "numpy==2.0.0"}), wanted, ["3.11"])
    kept = tomllib.loads((tmp_path / "calls.kept").read_text())
    assert kept["packages"] == [{"name": "numpy", "version": "2.0.0"}, {"name": "six", "version": "1.0"}]


def test_a_package_without_a_hash_and_an_old_uv_are_refused(fake: Fake) -> None:
    with pytest.raises(resolver.Unresolved, match=r"no SHA-256 of numpy 2\.0\.0"):
        resolver.resolve(fake({"all": "numpy==2.0.0"}, hashes=False), resolver.Wanted(["numpy"]), ["3.11"])
    with pytest.raises(resolver.Unresolved, match="pip install -U uv"):
        resolver.read_lock("numpy==2.0.0\n")


def test_a_python_without_wheels_for_both_kinds_of_linux_is_left_out(fake: Fake) -> None:
    answers: dict[str, object] = {"3.12": "numpy==2.0.0", "3.13": "numpy==2.0.0"}
    uv = fake({**answers, f"3.13 {resolver.LINUX_ARM}": None, "3.11": None})
    lock = resolver.resolve(uv, resolver.Wanted(["numpy"]), ["3.11", "3.12", "3.13"])
    assert (lock.pythons, lock.requirements) == (("3.12",), ("numpy==2.0.0",))


def test_a_python_with_another_version_of_a_package_is_left_out(fake: Fake) -> None:
    uv = fake({"3.11": "numpy==2.0.0", "3.12": "numpy==2.1.0"})
    assert resolver.resolve(uv, resolver.Wanted(["numpy"]), ["3.11", "3.12"]).pythons == ("3.11",)


def test_the_reason_of_uv_is_stated(fake: Fake) -> None:
    with pytest.raises(resolver.Unresolved, match=r"^No solution found for 3\.12$"):
        resolver.resolve(fake({}), resolver.Wanted(["numpy"]), ["3.11", "3.12"])
    with pytest.raises(resolver.Unresolved, match=r"more than 0\.3 s"):
        resolver.resolve(fake({"all": 5.0}, seconds=0.3), resolver.Wanted(["numpy"]), ["3.11"])


def test_the_day_is_for_numeric_libraries_alone(fake: Fake, tmp_path: Path) -> None:
    resolver.resolve(fake({"all": "numpy==1.0"}), resolver.Wanted(["numpy"], as_of="2024-09-19"), ["3.11"])
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    dated = {call[at + 1] for call in calls for at, word in enumerate(call) if "exclude-newer" in word}
    assert "numpy=2024-09-19" in dated and not any(value.startswith("flask") for value in dated)


def test_the_package_of_some_machines_is_not_required_on_others(fake: Fake, tmp_path: Path) -> None:
    """tf-keras requires tensorflow, which would be installed next to tensorflow-cpu."""
    arm = "tensorflow==2.20.0 ; platform_machine != 'x86_64'"
    other = "backport ; python_version < '3.12'"  # that of a team limits no other package
    wanted = resolver.Wanted([arm, "tf-keras", other], overrides=["typing-extensions>=4.8"])
    resolver.resolve(fake({"all": "tf-keras==2.20.1"}), wanted, ["3.11"])
    written = (tmp_path / "calls.overrides").read_text().splitlines()
    assert written == [arm, "typing-extensions>=4.8"]


def test_the_pins_of_a_requirements_file_are_read_by_normalized_name() -> None:
    lines = ["# x", "A.b_C==1.0 ; sys_platform == 'linux'", "numpy>=2", "d==2.0+cpu"]
    assert resolver.packages(lines) == {"a-b-c": "1.0", "d": "2.0+cpu"}
