"""do/build: the command of the container engine, and its login to ECR registries of base images."""

from pathlib import Path

import pytest

from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME
from tests.lifecycle.conftest import copied
from tests.lifecycle.projects import StubbedProject

BASE = "763104351884.dkr.ecr.us-west-2.amazonaws.com"


@pytest.fixture
def project(rendered: Path, aws: FakeAws, tmp_path: Path) -> StubbedProject:
    folder = copied(rendered, tmp_path / NAME)
    (folder / "model" / "model.pkl").write_bytes(b"a model")
    return StubbedProject(folder, aws)


def test_the_manifest_is_of_the_kind_that_sagemaker_takes(project: StubbedProject) -> None:
    assert project.do("build").code == 0
    (build,) = [call for call in project.engine_calls if call[0] == "build"]
    assert build[1:5] == ["--platform", "linux/amd64", "--tag", f"{NAME}:latest"]
    assert build[5:7] == ["--output", "type=docker,oci-mediatypes=false"]


def test_an_engine_without_buildkit_is_not_told_what_it_does_not_know(project: StubbedProject) -> None:
    assert project.do("build", STUB_BUILDX="missing").code == 0
    (build,) = [call for call in project.engine_calls if call[0] == "build"]
    assert "--output" not in build


def test_without_base_images_of_ecr_it_asks_nobody(project: StubbedProject) -> None:
    assert project.do("build").code == 0
    assert project.aws.calls == [] and not [call for call in project.engine_calls if call[0] == "login"]


def test_it_logs_in_where_base_images_are_in_their_region_and_out_again(project: StubbedProject) -> None:
    dockerfile = project.path / "Dockerfile"
    dockerfile.write_text(f"FROM {BASE}/djl-inference:0.32 AS base\nFROM base\nCOPY a-{BASE} /\n")
    assert project.do("build").code == 0
    assert [
        call[0] for call in project.engine_calls if call[0] == "login"
    ] == []  # the container engine has it
    assert project.do("build", STUB_IMAGE="missing").code == 0
    calls = [call for call in project.engine_calls if call[0] in ("login", "build", "logout")][1:]
    assert [call[0] for call in calls] == ["login", "build", "logout"]
    assert calls[0][-2:] == [BASE, "right token"]
    (call,) = project.aws.calls
    assert (call.operation, call.region) == ("GetAuthorizationToken", "us-west-2")


def test_a_build_that_fails_logs_out_too(project: StubbedProject) -> None:
    (project.path / "Dockerfile").write_text(f"FROM {BASE}/djl-inference:0.32\n")
    failed = project.do("build", STUB_IMAGE="missing", STUB_BUILD_ERROR="no such instruction")
    assert failed.code == 1 and "build-failed" in failed.err
    assert project.engine_calls[-1] == ["logout", BASE]


def test_a_build_that_fails_names_a_known_cause(project: StubbedProject) -> None:
    error = "write /var/lib/docker/tmp/layer.tar: no space left on device"
    failed = project.do("build", STUB_BUILD_ERROR=error)
    assert failed.code == 1 and "build-failed" in failed.err and error in failed.err
    assert "cause: images, layers or downloads fill the disk" in failed.err
    assert "docker system prune" in failed.err


def test_the_private_index_of_pip_is_a_secret_of_the_build(project: StubbedProject) -> None:
    corporate = {
        "PIP_INDEX_URL": "https://user:secret@pypi.example.com/simple",
        "HTTPS_PROXY": "http://proxy.example",
    }
    built = project.do("build", **corporate)
    assert built.code == 0 and "-d private_index=true" in built.err
    dockerfile = project.path / "Dockerfile"
    mount = "RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf "
    dockerfile.write_text(dockerfile.read_text().replace("RUN python", f"{mount}python"))
    built = project.do("build", "--build-arg", "VERSION=2", **corporate)
    assert built.code == 0 and "private" not in built.err
    (_, build) = [call for call in project.engine_calls if call[0] == "build"]
    assert "type=env,id=pip.conf,src=MCC_PIP_CONF" in build and build[-1] == "."
    assert [build[at + 1] for at, word in enumerate(build) if word == "--build-arg"][:2] == [
        "VERSION=2",
        "HTTPS_PROXY",
    ]
    assert "secret@" not in f"{build} {built.out} {built.err}"


def test_secrets_need_buildkit(project: StubbedProject) -> None:
    (project.path / "Dockerfile").write_text("FROM scratch\nRUN --mount=type=secret,id=pip.conf true\n")
    refused = project.do("build", STUB_BUILDX="missing")
    assert refused.code == 3 and "no-buildkit" in refused.err and "buildx plugin" in refused.err
    assert not [call for call in project.engine_calls if call[0] == "build"]


def test_the_model_is_loaded_in_the_image(project: StubbedProject) -> None:
    """In a container that reaches no network, if there is a model."""
    done = project.do("build")
    assert done.code == 0 and f"loading the model in {NAME}:latest" in done.err
    (run,) = [call for call in project.engine_calls if call[0] == "run"]
    assert run[1:6] == ["--rm", "--network", "none", "--cap-drop", "ALL"]
    assert run[-5:] == [f"{NAME}:latest", "600", "python", "-m", "runtime.trial"]
    (project.path / "model" / "model.pkl").unlink()
    (project.path / "sample_model" / "train.py").unlink()
    assert project.do("build").code == 0
    assert len([call for call in project.engine_calls if call[0] == "run"]) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (127, "docker: exec: timeout: executable file not found in $PATH"),
        (1, "python: Error while finding module specification for 'runtime.trial' (ModuleNotFoundError: …)"),
    ],
)
def test_an_image_with_the_server_elsewhere_is_not_tried(
    project: StubbedProject, code: int, said: str
) -> None:
    built = project.do("build", STUB_RUN_ERROR=said, STUB_RUN_CODE=str(code))
    assert built.code == 0 and "it has no server in /opt/program/serving" in built.err


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (3, "serve: cannot load the model x: ValueError: odd", ("model-not-loaded", "ValueError: odd")),
        (139, "trial: Python 3.12.1\nFatal Python error", ("model-crashed", "signal 11", "Fatal Python")),
        (137, "Killed", ("model-crashed", "ran out of memory", "use more memory")),
        (124, "-", ("model-not-loaded", "more than 600 s")),
        (125, "docker: Error response from daemon: odd", ("model-not-loaded", "from daemon: odd")),
    ],
)
def test_a_model_that_the_image_cannot_load_ends_the_build(
    project: StubbedProject, code: int, said: str, words: tuple[str, ...]
) -> None:
    failed = project.do("build", STUB_RUN_ERROR=said, STUB_RUN_CODE=str(code))
    assert failed.code == 3 and "the image was built, but it cannot load the model" in failed.err
    assert all(word in failed.err for word in words) and "trial: " not in failed.err, failed.err
