"""Images of inference servers: a release by its tag, and the driver that SageMaker has for it."""

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.servers import drivers

SERVERS = catalog.servers()
IMAGES = [(name, image) for name, server in SERVERS.items() for image in server.images]
DLC = "vllm:0.31.0-gpu-py312-cu130-ubuntu24.04-sagemaker"


@pytest.mark.parametrize(
    ("image", "version", "cuda", "tag"),
    [
        ("vllm/vllm-openai:v0.32.0", "0.32.0", "13.0", ""),
        ("docker.io/vllm/vllm-openai:v0.33.0-cu129@sha256:" + "0" * 64, "0.33.0", "12.9", ""),
        (
            "1.dkr/docker-hub/vllm/vllm-openai:v0.11.2",
            "0.11.2",
            "12.8",
            "",
        ),
        (f"public.ecr.aws/deep-learning-containers/{DLC}", "0.31.0", "13.0", DLC),
        (f"763104351884.dkr.ecr.eu-west-1.amazonaws.com/{DLC}", "0.31.0", "13.0", DLC),
        ("mine/vllm:latest", "", "", ""),
        ("mine/vllm:0.29.0", "", "", ""),
        ("vllm/vllm-openai:nightly", "", "", ""),
        ("other/openai:v0.32.0", "", "", ""),
    ],
)
def test_a_release_that_is_not_listed_is_known_by_its_tag(
    image: str, version: str, cuda: str, tag: str
) -> None:
    found = SERVERS["transformers-vllm"].find(image)
    assert (found is None) == (not version)
    if found:
        assert (found.image, found.version, found.cuda) == (image, version, cuda)
        assert found.of_aws == bool(tag) and not found.default


@pytest.mark.parametrize(
    ("cuda", "generation"),
    [("11.8", "3-1"), ("12.4", "3-1"), ("12.6", "4-1"), ("12.9", "4-1"), ("13.0", "4-1"), ("13.1", "4-1")],
)
def test_the_driver_follows_the_image(cuda: str, generation: str) -> None:
    assert drivers.choose(cuda, "cached").ami.endswith(generation)
    for name, image in IMAGES:
        if image.cuda == cuda and image.compat != "forced":
            assert drivers.of_image(name, image.image).ami == drivers.choose(cuda, "").ami


def test_libraries_that_are_always_loaded_need_an_older_driver() -> None:
    assert drivers.choose("12.9", "forced", 8.9).ami.endswith("3-1")
    assert "803" in drivers.choose("12.9", "forced", 12.0).problem
    assert "newer than the 13.0" in drivers.choose("13.1", "").warning
    assert drivers.choose("12.4", "cached", 12.0).ami.endswith("4-1")  # driver 550 is too old for the GPU
