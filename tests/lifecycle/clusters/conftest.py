"""Projects on a HyperPod cluster, and their cluster."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import copier
import pytest

from tests.fakes.aws.server import ACCESS_KEY, SECRET_KEY, FakeAws
from tests.fakes.aws.world import Cluster as HyperPodCluster
from tests.fakes.kubernetes.actor import Actor
from tests.fakes.kubernetes.api import KubernetesApi
from tests.fakes.kubernetes.real import ADMIN, RealApiServer
from tests.fakes.kubernetes.store import EXTENSIONS
from tests.lifecycle.clusters.cluster import ANSWERS, GPU_ANSWERS, NAMESPACE, OPTIONS, Cluster
from tests.lifecycle.conftest import compile_commands, write_examples
from tests.lifecycle.forks import Forks


@pytest.fixture(scope="session")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a predictive project, one of a language model, and one for the inference operator."""
    folder = tmp_path_factory.mktemp("projects")
    operator = {**GPU_ANSWERS, "hyperpod_mode": "operator"}
    for name, answers in (("abalone", ANSWERS), ("chat", GPU_ANSWERS), ("operated", operator)):
        copier.run_copy(str(template), folder / name, data=answers, **OPTIONS)
        (folder / name / ".venv").symlink_to(sys.prefix)
        compile_commands(folder / name)
    write_examples(folder / "abalone")
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="session")
def forks(projects: dict[str, Path]) -> Iterator[Forks]:
    """Return the runner of the commands."""
    made = Forks(Path(sys.executable), projects["abalone"])
    yield made
    made.close()


@pytest.fixture(scope="session")
def servers() -> Iterator[list[RealApiServer]]:
    """Return a list for the real API server that all tests of this folder share."""
    kept: list[RealApiServer] = []
    yield kept
    for server in kept:
        server.close()


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest,
    aws: FakeAws,
    projects: dict[str, Path],
    tmp_path: Path,
    certificates: Path,
    servers: list[RealApiServer],
    forks: Forks,
) -> Iterator[Cluster]:
    """Return a cluster with nodes for the project that a test names, predictive when it names none.

    With REAL_CLUSTER=1 in the environment a real kube-apiserver keeps its objects (`make test-cluster`).
    """
    name = getattr(request, "param", "abalone")
    project = tmp_path / name
    shutil.copytree(projects[name], project, symlinks=True)
    api = KubernetesApi("ml-cluster-eks", ACCESS_KEY, SECRET_KEY, certificates)
    api.trusted.add(ADMIN)
    api.store.known |= EXTENSIONS if name == "operated" else {}
    actor = Actor(api.url, api.certificate, ADMIN)
    if os.environ.get("REAL_CLUSTER"):
        if not servers:
            servers.append(RealApiServer(certificates, api.certificate, api.key))
        servers[0].serve(api)
        actor.empty(NAMESPACE)
        of_2021(project)
    else:
        actor.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    for number in range(3):
        actor.node(f"cpu-{number}", "ml.c5.xlarge", cpu="3800m", memory="7Gi")
    for number in range(2):
        actor.node(f"gpu-{number}", "ml.g6e.xlarge", cpu="3800m", memory="30Gi", gpus="1")
    actor.start()
    aws.world.clusters["ml-cluster"] = HyperPodCluster("ml-cluster", api.url, api.authority)
    made = Cluster(aws, api, actor, project, forks)
    made.push()
    yield made
    made.close()


def of_2021(project: Path) -> None:
    """Write the API versions of Kubernetes 1.20 into the manifests; the fields are the same."""
    for path in (project / "kubernetes").glob("*.yaml"):
        path.write_text(path.read_text().replace("policy/v1\n", "policy/v1beta1\n"))
