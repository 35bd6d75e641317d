# Part of the library: `copier update` replaces this file.
"""Follow the logs of all pods, including pods that start later. Ctrl-C stops it."""

import argparse
import sys
import threading
import time

from lifecycle.aws import Aws
from lifecycle.console import log
from lifecycle.hyperpod import cluster, remote
from lifecycle.hyperpod.api import Api
from lifecycle.hyperpod.manifests import Manifests
from lifecycle.hyperpod.target import Target
from lifecycle.project import PRECONDITION, Failure, Result


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/logs."""
    parser.add_argument("--tail", type=int, default=100, help="existing lines of each pod to show (100)")
    parser.add_argument("--no-follow", action="store_true", help="show the existing lines and stop")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Print each line with the name of its pod."""
    manifests = Manifests()
    api = cluster.connect(Aws(settings, "logs", read_only=True), settings)
    followed: dict[str, threading.Thread] = {}
    while True:
        for pod in remote.found(api, manifests):
            name = str(pod["metadata"]["name"])
            if name not in followed:
                reader = threading.Thread(
                    target=_print, args=(api, manifests.namespace, name, arguments), daemon=True
                )
                followed[name] = reader
                reader.start()
        if not followed:
            what, seen = "there are no logs", f"no pod of this project in {manifests.namespace}"
            raise Failure(PRECONDITION, "no-pods", what, seen, "do/deploy, or do/status")
        if arguments.no_follow:
            for reader in followed.values():
                reader.join()
            return {}
        time.sleep(settings.poll_seconds)


def _print(api: Api, namespace: str, pod: str, arguments: argparse.Namespace) -> None:
    """Print the log of a pod until the pod ends."""
    path, query = f"/api/v1/namespaces/{namespace}/pods/{pod}/log", {"tailLines": str(arguments.tail)}
    if not arguments.no_follow:
        query["follow"] = "true"
    try:
        for line in api.lines(path, **query):
            sys.stdout.write(f"{pod}: {line}\n")
            sys.stdout.flush()
    except Failure as failure:
        log(f"{pod}: {failure}")
