"""A Kubernetes API that answers on this machine, and what else a cluster has: controllers, scheduler, nodes.

`api` is the API alone: it keeps objects. `actor` does to them, through the API, what a cluster does, so it
does the same to a real kube-apiserver (`real`). docs/how-to/hyperpod.md says what this proves and what not.
"""
