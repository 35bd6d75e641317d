# Part of the library: `copier update` replaces this file.
"""The EKS cluster of a HyperPod cluster, with a connection for this identity.

The connection does not depend on a kubeconfig or its current context.
"""

import base64
import time
from typing import Any

from lifecycle import journal
from lifecycle.aws import Aws
from lifecycle.hyperpod.api import Api
from lifecycle.hyperpod.target import Target
from lifecycle.project import PRECONDITION, Failure

TOKEN_SECONDS = 600  # EKS accepts a token for 15 minutes
USABLE = ("InService", "Updating", "SystemUpdating")


def connect(aws: Aws, settings: Target) -> Api:
    """Return the API of the cluster in the settings. Raise Failure if it cannot be used."""
    eks = _eks(aws, settings)
    from kubernetes.client import ApiClient, Configuration

    configuration = Configuration()
    configuration.host = eks["endpoint"]
    configuration.ssl_ca_cert = _certificate(eks["certificateAuthority"]["data"])
    configuration.retries = False  # Api has its own retries
    configuration.api_key_prefix["authorization"] = "Bearer"
    configuration.refresh_api_key_hook = Tokens(aws, eks["name"]).renew
    configuration.refresh_api_key_hook(configuration)
    return Api(ApiClient(configuration), eks["name"], settings.call_seconds, settings.call_attempts)


class Tokens:
    """Tokens for a cluster: signed requests to STS, by which the cluster identifies the caller."""

    def __init__(self, aws: Aws, cluster: str) -> None:
        import boto3

        self._aws, self._cluster, self._made = aws, cluster, -float(TOKEN_SECONDS)
        self._sts = boto3.session.Session(region_name=aws.region).client("sts")
        self._sts.meta.events.register("before-sign.sts.GetCallerIdentity", self._name_cluster)

    def renew(self, configuration: Any) -> None:
        """Renew the token in a configuration before it expires."""
        if time.monotonic() - self._made < TOKEN_SECONDS:
            return
        with self._aws.explained("sts.get_caller_identity"):
            url = self._sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
        text = base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
        configuration.api_key["authorization"] = f"k8s-aws-v1.{text}"
        self._made = time.monotonic()

    def _name_cluster(self, request: Any, **_: Any) -> None:
        request.headers["x-k8s-aws-id"] = self._cluster


def _eks(aws: Aws, settings: Target) -> dict[str, Any]:
    """Return the description of the EKS cluster. Raise Failure."""
    name = settings.hyperpod_cluster
    found = aws.find("sagemaker", "describe_cluster", ClusterName=name)
    if found is None:
        others = aws.pages("sagemaker", "list_clusters", "ClusterSummaries")
        known = ", ".join(other["ClusterName"] for other in others)
        what = f"there is no HyperPod cluster {name} in {aws.region}"
        seen = f"available: {known}" if known else "there are no clusters"
        raise Failure(PRECONDITION, "no-cluster", what, seen, "set hyperpod_cluster in do/config.toml")
    arn = found.get("Orchestrator", {}).get("Eks", {}).get("ClusterArn", "")
    if not arn:
        what, seen = f"the HyperPod cluster {name} does not use Amazon EKS", "its orchestrator is Slurm"
        raise Failure(
            PRECONDITION, "not-eks", what, seen, "set hyperpod_cluster in do/config.toml to an EKS cluster"
        )
    if found["ClusterStatus"] not in USABLE:
        what, seen = f"the HyperPod cluster {name} is not usable", found["ClusterStatus"]
        seen += f": {found['FailureMessage']}" if found.get("FailureMessage") else ""
        raise Failure(PRECONDITION, "cluster-not-usable", what, seen, "wait, or repair the cluster")
    described: dict[str, Any] = aws.call("eks", "describe_cluster", name=arn.rpartition("/")[2])["cluster"]
    if described["status"] not in ("ACTIVE", "UPDATING"):
        what, seen = f"the EKS cluster {described['name']} is not usable", described["status"]
        raise Failure(PRECONDITION, "cluster-not-usable", what, seen, "wait, or repair the cluster")
    return described


def _certificate(data: str) -> str:
    """Return a file with the CA certificate of the cluster."""
    journal.DIRECTORY.mkdir(exist_ok=True)
    path = journal.DIRECTORY / "cluster.pem"
    if not path.exists() or path.read_bytes() != base64.b64decode(data):
        path.write_bytes(base64.b64decode(data))
    return str(path)
