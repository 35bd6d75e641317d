# Part of the library: `copier update` replaces this file.
"""The objects of kubernetes/, built from kustomization.yaml like kustomize.

Unsupported features of kustomize are an error; they are never ignored.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lifecycle.project import PROJECT, USAGE, Failure

DIRECTORY = PROJECT / "kubernetes"
KEYS = (
    "apiVersion",
    "kind",
    "namespace",
    "labels",
    "resources",
    "configMapGenerator",
    "images",
    "configurations",
)
CLUSTER_SCOPED = ("PersistentVolume", "Namespace", "ClusterRole", "ClusterRoleBinding", "StorageClass")
WORKLOADS = ("Deployment", "InferenceEndpointConfig")
FIRST = ("PersistentVolume", "PersistentVolumeClaim", "ConfigMap")  # required by pods, so applied first
SECRET_NAME = re.compile(r"token|secret|password|api_?key|credential", re.IGNORECASE)
NO_SECRET = re.compile(r"_ARN$|_TOKENS$|TOKENS_|TOKENIZER", re.IGNORECASE)
SECRET_VALUE = re.compile(r"hf_[A-Za-z0-9]{20,}|(AKIA|ASIA)[A-Z0-9]{16}")

Object = dict[str, Any]


class Manifests:
    """The objects to apply, their labels, and the image in kustomization.yaml, if any."""

    def __init__(self, image: str = "") -> None:
        """Build the objects with `image` in place of the project's image. Raise Failure (usage)."""
        kustomization = _read(DIRECTORY / "kustomization.yaml")[0]
        for key in kustomization:
            if key not in KEYS:
                next_step = f"edit the files instead, or use kubectl apply -k {DIRECTORY.name}"
                raise _unusable("kustomization.yaml", f"the commands do not support {key}", next_step)
        self.namespace: str = kustomization["namespace"]
        self.labels: dict[str, str] = kustomization["labels"][0]["pairs"]
        named = kustomization["images"][0]
        self.image = image or _reference(named)
        self.objects = [entry for name in kustomization["resources"] for entry in _read(DIRECTORY / name)]
        for generator in kustomization.get("configMapGenerator", []):
            self._generate(generator)
        paths = [path for name in kustomization.get("configurations", []) for path in _image_paths(name)]
        for entry in self.objects:
            self._complete(entry, kustomization["labels"][0].get("includeTemplates", False))
            for holder in _image_holders(entry, paths):
                if holder["image"] == named["name"]:
                    holder["image"] = self.image
        self.objects.sort(key=lambda entry: FIRST.index(entry["kind"]) if entry["kind"] in FIRST else 9)
        for entry in self.objects:
            _refuse_secrets(entry)

    @property
    def selector(self) -> str:
        """The label selector of the project's objects."""
        return ",".join(f"{name}={value}" for name, value in sorted(self.labels.items()))

    @property
    def workload(self) -> Object:
        """The object that creates pods."""
        return next(entry for entry in self.objects if entry["kind"] in WORKLOADS)

    def _generate(self, generator: Object) -> None:
        """Add a ConfigMap with a hash of its data in the name, and set this name in its references."""
        data: dict[str, str] = {}
        for name in generator["envs"]:
            lines = (DIRECTORY / name).read_text("utf-8").splitlines()
            data.update(line.split("=", 1) for line in lines if line.strip() and not line.startswith("#"))
        full = f"{generator['name']}-{name_hash(data)}"
        for entry in self.objects:
            for container in (pod_spec(entry) or {}).get("containers", []):
                for source in container.get("envFrom", []):
                    if source.get("configMapRef", {}).get("name") == generator["name"]:
                        source["configMapRef"]["name"] = full
        self.objects.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": full}, "data": data}
        )

    def _complete(self, entry: Object, on_pods: bool) -> None:
        metadata = entry["metadata"]
        metadata["labels"] = {**metadata.get("labels", {}), **self.labels}
        if entry["kind"] not in CLUSTER_SCOPED:
            metadata["namespace"] = self.namespace
        if on_pods and pod_spec(entry):
            template = entry["spec"]["template"].setdefault("metadata", {})
            template["labels"] = {**template.get("labels", {}), **self.labels}


def name_hash(data: dict[str, str]) -> str:
    """Return the hash in the name of a generated ConfigMap, as kustomize computes it."""
    # kustomize includes the name in the hash, but always reads it as empty.
    content = {"data": data, "kind": "ConfigMap", "name": ""}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(character, escaped)
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return digest.translate(str.maketrans("013ae", "ghkmt"))


def pod_spec(entry: Object) -> Object | None:
    """Return the pod spec in the template of an object, None if it has none."""
    spec: Object | None = entry.get("spec", {}).get("template", {}).get("spec")
    return spec


def _read(path: Path) -> list[Object]:
    """Return the documents of a file. Raise Failure (usage)."""
    import yaml

    try:
        found = [document for document in yaml.safe_load_all(path.read_text("utf-8")) if document]
    except (OSError, yaml.YAMLError) as error:
        raise _unusable(path.name, " ".join(str(error).split()), "fix the file") from None
    for document in found:
        if not isinstance(document, dict) or not document.get("kind", path.name):
            raise _unusable(path.name, f"{str(document)[:60]} is not a Kubernetes object", "fix the file")
    return found


def _image_paths(name: str) -> list[tuple[str, list[str]]]:
    """Return kind and path of each image field that a configuration file adds."""
    fields = _read(DIRECTORY / name)[0].get("images", [])
    return [(field["kind"], field["path"].split("/")) for field in fields]


def _image_holders(entry: Object, paths: list[tuple[str, list[str]]]) -> Iterator[Object]:
    """Yield every mapping of an object whose `image` can be the project's."""
    spec = pod_spec(entry) or {}
    yield from (*spec.get("initContainers", []), *spec.get("containers", []))
    for kind, path in paths:
        holder: Any = entry if entry["kind"] == kind else {}
        for key in path[:-1]:
            holder = holder.get(key, {})
        if path[-1] in holder:
            yield holder


def _reference(image: Object) -> str:
    """Return the image in kustomization.yaml, '' if the commands set it."""
    if "newName" not in image:
        return ""
    if "digest" in image:
        return f"{image['newName']}@{image['digest']}"
    return f"{image['newName']}:{image.get('newTag', 'latest')}"


def _refuse_secrets(entry: Object) -> None:
    """Raise Failure (usage) for a secret in plain text, which all readers of the object could see."""
    where = f"{entry['kind']} {entry['metadata']['name']}"
    if entry["kind"] == "Secret":
        next_step = "remove it from kubernetes/, run kubectl create secret, and refer to it by name"
        raise Failure(USAGE, "secret-in-manifests", "kubernetes/ contains a Secret", where, next_step)
    written = dict(entry.get("data", {}))
    containers = (pod_spec(entry) or {}).get("containers", [])
    for holder in (*containers, entry.get("spec", {}).get("worker", {})):
        for variable in (*holder.get("env", []), *holder.get("environmentVariables", [])):
            written[variable["name"]] = variable.get("value", "")
    for name, value in written.items():
        named = SECRET_NAME.search(name) and not NO_SECRET.search(name)
        if value and (named or SECRET_VALUE.search(str(value))):
            what, seen = "kubernetes/ contains a secret in plain text", f"{where} sets {name}"
            next_step = "read it from a Secret in the cluster with secretKeyRef"
            raise Failure(USAGE, "secret-in-manifests", what, seen, next_step)


def _unusable(file: str, seen: str, next_step: str) -> Failure:
    return Failure(USAGE, "bad-manifest", f"cannot use kubernetes/{file}", seen, next_step)
