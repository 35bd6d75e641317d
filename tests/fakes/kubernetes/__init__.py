"""A fake Kubernetes cluster on this machine: the API, controllers, scheduler and nodes.

`api` is the API, which stores objects. `actor` acts on them through the API like the other components of a
cluster, also with a real kube-apiserver (`real`). docs/how-to/hyperpod.md describes the limits of such tests.
"""
