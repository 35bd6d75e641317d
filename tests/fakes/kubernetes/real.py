"""A real kube-apiserver with its etcd, from the source in Debian: see `build`. No controllers, no nodes."""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import yaml

from extensions.mcc.catalog import catalog
from tests.fakes.kubernetes.api import KubernetesApi
from tests.fakes.kubernetes.tokens import Webhook
from tests.servers import free_port

BUILD = Path(__file__).parent / "build"
ADMIN = "cluster-admin"


class RealApiServer:
    """The server, in a separate folder, behind one API after another."""

    def __init__(self, folder: Path, certificate: Path, key: Path) -> None:
        program = subprocess.run([BUILD], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self._problem_of: Callable[[str], str] = lambda token: "no API is in front"
        self._webhook = Webhook(lambda token: self._problem_of(token))
        self._processes: list[subprocess.Popen[bytes]] = []
        etcd, peers, port = free_port(), free_port(), free_port()
        here = {"listen-client-urls": etcd, "advertise-client-urls": etcd, "listen-peer-urls": peers}
        addresses = [f"--{name}=http://127.0.0.1:{number}" for name, number in here.items()]
        self._start(folder, ["etcd", f"--data-dir={folder / 'etcd'}", *addresses])
        (folder / "tokens.csv").write_text(f'"{ADMIN}",admin,admin,"system:masters"\n')
        context = {"name": "webhook", "context": {"cluster": "webhook", "user": "server"}}
        review = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "webhook", "cluster": {"server": self._webhook.url}}],
            "users": [{"name": "server"}],
            "contexts": [context],
            "current-context": "webhook",
        }
        (folder / "webhook.yaml").write_text(json.dumps(review))
        options = {
            "etcd-servers": f"http://127.0.0.1:{etcd}",
            "bind-address": "127.0.0.1",
            "secure-port": str(port),
            "tls-cert-file": str(certificate),
            "tls-private-key-file": str(key),
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": str(certificate),
            "service-account-signing-key-file": str(key),
            "service-cluster-ip-range": "10.0.0.0/16",
            "token-auth-file": str(folder / "tokens.csv"),
            "authentication-token-webhook-config-file": str(folder / "webhook.yaml"),
            "authentication-token-webhook-version": "v1",
            "authentication-token-webhook-cache-ttl": "1s",
            "authorization-mode": "AlwaysAllow",
            "disable-admission-plugins": "ServiceAccount",
        }
        self._start(folder, [program, *(f"--{name}={value}" for name, value in options.items())])
        self.client = httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=False, timeout=20)
        try:
            self._wait()
            self._define()
        except BaseException:
            self.close()
            raise

    def serve(self, api: KubernetesApi) -> None:
        """Store the objects of an API from now on, and check its tokens."""
        api.behind = self.client
        self._problem_of = api.problem_of

    def _start(self, folder: Path, command: list[str]) -> None:
        log = (folder / f"{Path(command[0]).name}.log").open("wb")
        self._processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def _wait(self) -> None:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        for _ in range(300):
            with contextlib.suppress(httpx.HTTPError):
                if self.client.get("/readyz", headers=headers).status_code == 200:
                    return
            if any(process.poll() is not None for process in self._processes):
                break
            time.sleep(0.2)
        raise TimeoutError(
            "timed out waiting for the kube-apiserver: see its log and that of etcd next to key.pem"
        )

    def _define(self) -> None:
        """Define the resources of the inference operator and of Kueue, limited to those of the tests."""
        operator = yaml.safe_load((catalog.CATALOG / "inference_operator.yml").read_text())[
            "inference_operator"
        ]
        kinds = (
            (operator["group"], operator["version"], operator["plural"], operator["kind"]),
            ("kueue.x-k8s.io", "v1beta1", "localqueues", "LocalQueue"),
        )
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
        for group, version, plural, kind in kinds:
            schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            definition = {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.{group}"},
                "spec": {
                    "group": group,
                    "scope": "Namespaced",
                    "names": {"plural": plural, "kind": kind, "singular": kind.lower()},
                    "versions": [
                        {
                            "name": version,
                            "served": True,
                            "storage": True,
                            "subresources": {"status": {}},
                            "schema": {"openAPIV3Schema": schema},
                        }
                    ],
                },
            }
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            self.client.post(path, content=json.dumps(definition), headers=headers).raise_for_status()

    def close(self) -> None:
        """Stop the server, its etcd and its webhook."""
        for process in reversed(self._processes):
            process.terminate()
            process.wait(30)
        self._webhook.close()
