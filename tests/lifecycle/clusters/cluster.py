"""A project on a HyperPod cluster: its commands, run as users run them, and the cluster."""

import json
import os
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from tests.fakes.aws.server import FakeAws
from tests.fakes.kubernetes.actor import OPERATOR, POLICY, Actor
from tests.fakes.kubernetes.api import KubernetesApi
from tests.lifecycle.forks import Forks

Object = dict[str, Any]
NAMESPACE = "hyperpod-ns-team"
OPTIONS: Object = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
ANSWERS: Object = {
    "deployment_target": "hyperpod-eks",
    "hyperpod_cluster": "ml-cluster",
    "hyperpod_namespace": NAMESPACE,
    "hyperpod_replicas": 2,
    "instance_type": "ml.c5.xlarge",
}
GPU_ANSWERS: Object = {
    **ANSWERS,
    "deployment_config": "transformers-vllm",
    "offline": True,
    "instance_type": "ml.g6e.xlarge",
    "hyperpod_replicas": 1,
}


IN_NAMESPACE = f"/namespaces/{NAMESPACE}"
LISTED = (
    ("ConfigMap", f"/api/v1{IN_NAMESPACE}/configmaps"),
    ("Deployment", f"/apis/apps/v1{IN_NAMESPACE}/deployments"),
    ("HorizontalPodAutoscaler", f"/apis/autoscaling/v2{IN_NAMESPACE}/horizontalpodautoscalers"),
    ("InferenceEndpointConfig", f"{OPERATOR}{IN_NAMESPACE}/inferenceendpointconfigs"),
    ("NetworkPolicy", f"/apis/networking.k8s.io/v1{IN_NAMESPACE}/networkpolicies"),
    ("PersistentVolume", "/api/v1/persistentvolumes"),
    ("PersistentVolumeClaim", f"/api/v1{IN_NAMESPACE}/persistentvolumeclaims"),
    ("Pod", f"/api/v1{IN_NAMESPACE}/pods"),
    ("PodDisruptionBudget", f"{POLICY}{IN_NAMESPACE}/poddisruptionbudgets"),
    ("PodDisruptionBudget", f"{POLICY}beta1{IN_NAMESPACE}/poddisruptionbudgets"),
    ("ReplicaSet", f"/apis/apps/v1{IN_NAMESPACE}/replicasets"),
    ("Service", f"/api/v1{IN_NAMESPACE}/services"),
)


class Ran(NamedTuple):
    """The end of a command: its exit code, its JSON document, and its output on stderr."""

    code: int
    document: Object
    said: str

    @property
    def id(self) -> str:
        """The id of the first finding."""
        return str(self.document["findings"][0]["id"])

    @property
    def seen(self) -> str:
        """The observation of the first finding."""
        return str(self.document["findings"][0]["seen"])


class Server:
    """The server in a pod."""

    def __init__(self) -> None:
        self.status = 200

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                handler.answer(200, {"row_shape": [7]})

            def do_POST(handler) -> None:
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                rows = json.loads(body).get("instances")
                if rows is None:
                    handler.answer(400, {"message": "there are no instances"})
                else:
                    handler.answer(self.status, {"predictions": [float(len(rows))] * len(rows)})

            def answer(handler, status: int, document: Object) -> None:
                body = json.dumps(document).encode()
                handler.send_response(status)
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(handler, format: str, *args: object) -> None:
                """Write no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class AnyPod(dict[str, int]):
    """One server for the pods of every name."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __missing__(self, name: str) -> int:
        return self.port


class Cluster:
    """A cluster of two nodes, and the project whose commands run against it."""

    def __init__(self, aws: FakeAws, api: KubernetesApi, actor: Actor, project: Path, forks: Forks) -> None:
        self.aws, self.api, self.actor, self.project, self.forks = aws, api, actor, project, forks
        self.server = Server()
        self.api.ports = AnyPod(self.server.port)

    def run(self, verb: str, *arguments: str, **settings: str) -> Ran:
        """Run a command and wait for its end."""
        quick = {"MCC_DO_POLL_SECONDS": "0.05", "MCC_DO_CALL_SECONDS": "5", "MCC_DO_SCHEDULE_SECONDS": "0.6"}
        environment = self.aws.environment(**{**quick, **settings})
        command = [str(self.project / "do" / verb), "--json", *arguments]
        done = self.forks.run(command, environment, self.project)
        assert "Traceback" not in done.err, done.err
        return Ran(done.code, done.json if done.out.startswith("{") else {}, done.err)

    def deploy(self, *arguments: str, **settings: str) -> Ran:
        """Push an image and deploy it, which must succeed."""
        ran = self.run("deploy", *arguments, **settings)
        assert ran.code == 0, ran.said
        return ran

    def push(self) -> str:
        """Push another image, and return its digest."""
        name, ecr = self.project.name, self.aws.boto3_client("ecr")
        if not any(name in arn for arn in self.aws.resources()):
            config = tomllib.loads((self.project / "do" / "config.toml").read_text())
            tags = {"mcc-project": name, "mcc-project-id": config["project_id"]}
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            ecr.create_repository(repositoryName=name, tags=pairs)
        return self.aws.push(name, "latest", content=os.urandom(8).hex())

    def objects(self) -> dict[str, Object]:
        """Return all objects of the project in the cluster, by kind and name."""
        found = {}
        for kind, path in LISTED:
            for entry in self.actor.items(path):
                found[f"{kind} {entry['metadata']['name']}"] = entry
        return found

    @property
    def is_real(self) -> bool:
        """Whether a real kube-apiserver stores the objects."""
        return self.api.behind is not None

    def deployed(self, kind: str = "Deployment") -> Object:
        """Return the object that creates pods."""
        return self.objects()[f"{kind} {self.project.name}"]

    @property
    def changing(self) -> list[str]:
        """The calls that change the cluster."""
        calls = [call for call in self.api.calls if not call.startswith(("GET", "POST"))]
        return [call for call in calls if "dryRun" not in call]

    def edit(self, file: str, old: str, new: str) -> None:
        """Edit a file of the project."""
        path = self.project / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def close(self) -> None:
        self.actor.stop()
        self.api.close()
        self.server.close()
        assert not self.actor.errors, self.actor.errors[:3]
