"""HyperPod clusters and their EKS clusters, limited to the operations that the commands use."""

from typing import Any

from tests.fakes.aws.wire import Refusal, Request, operation
from tests.fakes.aws.world import World


@operation("sagemaker", "DescribeCluster")
def describe_cluster(world: World, request: Request) -> dict[str, Any]:
    name = request.parameters["ClusterName"]
    cluster = world.clusters.get(name)
    if cluster is None:
        arn = request.arn("sagemaker", f"cluster/{name}")
        raise Refusal("ResourceNotFound", f"Cluster with name or ARN {arn} not found.")
    eks = {"ClusterArn": request.arn("eks", f"cluster/{cluster.eks_name}")}
    return {
        "ClusterArn": request.arn("sagemaker", "cluster/abcdefghijkl"),
        "ClusterName": name,
        "ClusterStatus": cluster.status,
        "CreationTime": cluster.created,
        "InstanceGroups": [],
        "Orchestrator": {"Eks": eks} if cluster.orchestrator == "Eks" else {"Slurm": {}},
    }


@operation("sagemaker", "ListClusters")
def list_clusters(world: World, request: Request) -> dict[str, Any]:
    summaries = [
        {
            "ClusterArn": request.arn("sagemaker", "cluster/abcdefghijkl"),
            "ClusterName": cluster.name,
            "CreationTime": cluster.created,
            "ClusterStatus": cluster.status,
        }
        for cluster in world.clusters.values()
    ]
    return {"ClusterSummaries": summaries}


@operation("eks", "DescribeCluster")
def describe_eks_cluster(world: World, request: Request) -> dict[str, Any]:
    name = request.parameters["name"]
    cluster = next((known for known in world.clusters.values() if known.eks_name == name), None)
    if cluster is None:
        raise Refusal("ResourceNotFoundException", f"No cluster found for name: {name}.", 404)
    return {
        "cluster": {
            "name": name,
            "arn": request.arn("eks", f"cluster/{name}"),
            "version": "1.33",
            "endpoint": cluster.endpoint,
            "status": cluster.eks_status,
            "certificateAuthority": {"data": cluster.authority},
        }
    }
