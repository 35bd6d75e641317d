"""Servers of language models: their images, what carries a setting to them, and what they need of a GPU."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Literal

from ..catalog import catalog
from ..catalog.entries.servers import ServerHealth, ServerImage
from ..catalog.entries.versions import version_key
from ..models import model_kinds
from ..models.facts import ModelFacts
from . import extra_arguments, gpu_support, releases

OWN_IMAGE = re.compile(
    r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<rest>.+)"
)
POOLING = re.compile(r"--(runner[= ]pooling|task[= ](embed|score|classify|reward)|is-embedding)\b")
# The routes for a kind of model. Vectors have similarities, so embedding models score and rerank, too.
ROUTES = {
    model_kinds.EMBEDDING: (model_kinds.EMBEDDING, model_kinds.RERANKING),
    model_kinds.RERANKING: (model_kinds.RERANKING,),
    model_kinds.CLASSIFICATION: (model_kinds.CLASSIFICATION,),
}
OFFERED = 20  # images in a list
PARTITION_HOSTS = {"aws-cn": "amazonaws.com.cn"}


def image_choices(deployment_config: str) -> dict[str, str]:
    """Return label -> image of the versions a server is offered in, the default first."""
    server = catalog.servers()[deployment_config]
    ranked = sorted(server.images, key=lambda image: not image.default)
    return {_label(image): image.image for image in ranked[:OFFERED]}


def _label(image: ServerImage) -> str:
    checked = ", of AWS" if image.of_aws and not image.inside else ""
    checked += "" if image.verified else ", tag not checked"
    return f"{short_image(image.image)}: {image.warning or f'CUDA {image.cuda}{checked}'}"


def short_image(image: str) -> str:
    """Return an image reference that fits a screen: one in Amazon ECR without its registry."""
    return f"…/{image.partition('/')[2]}" if OWN_IMAGE.fullmatch(image) else image


def of_aws(image: str, deployment_config: str) -> bool:
    """Return whether an image is one of AWS's own."""
    found = catalog.servers()[deployment_config].find(image)
    return found is not None and found.of_aws


def image_in(image: str, region: str, deployment_config: str) -> str:
    """Return an image as it is pulled in a region: AWS's own lie in an account of each, others are the same.

    In a region where AWS publishes none, that of us-east-1 is built from.
    """
    server, known = catalog.servers().get(deployment_config), catalog.regions().get(region)
    found = OWN_IMAGE.fullmatch(image)
    if server is None or not found or not known or not known.containers:
        return image
    if not any(entry.image == image and entry.of_aws for entry in server.images):
        return image
    host = PARTITION_HOSTS.get(known.partition, "amazonaws.com")
    return f"{known.containers}.dkr.ecr.{region}.{host}/{found['rest']}"


def request_kinds(deployment_config: str, chat_template: str, kind: str = model_kinds.GENERATED) -> list[str]:
    """Return the kinds of requests that /invocations accepts, the default first; chats need a template.

    `kind` is that of the model. A server with chats alone has completions behind a route that the
    request names.
    """
    if kind:
        return [kind]
    accepted = catalog.servers()[deployment_config].requests
    kinds = [kind for kind in accepted if kind != "chat" or chat_template != "none"]
    return [*kinds, "completion"] if list(accepted) == ["chat"] else kinds


def carriers(image: str, deployment_config: str, kind: str) -> dict[str, str]:
    """Return setting -> what carries it (`kind`: flag, variable or key) for the version in an image."""
    settings = catalog.servers()[deployment_config].settings_of(image)
    found = {name: getattr(item, kind) for name, item in settings.items()}
    return {name: carrier for name, carrier in found.items() if carrier is not None}


def other_names(image: str, deployment_config: str) -> list[str]:
    """Return the variables that carry the same as ours and would win over them."""
    settings = catalog.servers()[deployment_config].settings_of(image).values()
    return [name for item in settings if item.variable for name in item.aliases]


def fixed_environment(image: str, deployment_config: str) -> dict[str, str]:
    """Return the variables that are always set for the version in an image."""
    return catalog.servers()[deployment_config].environment_of(image)


@dataclasses.dataclass(frozen=True)
class Probe:
    """The route that nginx passes /ping to; /ping is 503 until `loaded`, if any, has answered 200 once."""

    path: str
    loaded: str = ""


def health(image: str, deployment_config: str) -> ServerHealth:
    """Return how the version in an image answers health checks."""
    server = catalog.servers()[deployment_config]
    version = version_key(server.image(image).version)
    known = [item for item in server.health if version_key(item.since) <= version]
    kind: Literal["health", "alive"] = "health" if server.routes.get("/ping") == "health" else "alive"
    return known[-1] if known else ServerHealth("0", kind, 0.0)


def probe(image: str, deployment_config: str) -> Probe:
    """Return the cheapest route that is 200 only once the model is loaded, for the version in an image."""
    found = health(image, deployment_config)
    if found.ping == "health":
        return Probe("/ping")
    if found.seconds and not found.immediate:
        return Probe("/ping", loaded="/health")
    return Probe("/health")


def routes(image: str, deployment_config: str) -> dict[str, str]:
    """Return route -> kind of the version in an image, those that administer it included."""
    server = catalog.servers()[deployment_config]
    found = {**server.routes, **dict.fromkeys(server.administration, "administration")}
    return {**found, "/ping": health(image, deployment_config).ping} if "/ping" in found else found


def open_routes(
    deployment_config: str,
    model_facts: Mapping[str, object],
    arguments: str,
    wanted: str = model_kinds.AUTO,
) -> list[str]:
    """Return the routes that nginx passes on as they are, besides /ping and /invocations.

    A model that embeds, ranks or classifies has others than one that generates text. `wanted` is the answer
    to model_kind.
    """
    kind = model_kinds.of_answer(model_facts, wanted)
    opened = {"models", "metrics", *ROUTES.get(kind, model_kinds.POOLING if kind else ())}
    if not kind:
        opened |= set(model_kinds.POOLING if POOLING.search(arguments) else ("chat", "completion"))
    known_routes = catalog.servers()[deployment_config].routes
    return [path for path, kind in known_routes.items() if kind in opened and path != "/invocations"]


def pooling_kind(model_facts: Mapping[str, object], wanted: str, deployment_config: str) -> str:
    """Return the kind of a model that a project with this server serves as one, '' if it generates text."""
    kind = model_kinds.of_answer(model_facts, wanted)
    return kind if kind in model_kinds.POOLING and catalog.servers()[deployment_config].pooling else ""


def kind_problem(
    model_facts: Mapping[str, object], wanted: str, deployment_config: str, image: str, arguments: str = ""
) -> str:
    """Return why a project with this server serves no such model, and another way, in lines; or ''.

    The extra `arguments` can give the model another class than its config.json.
    """
    kind, name = model_kinds.of_answer(model_facts, wanted), model_facts.get("name")
    what = f"{name} is {model_kinds.TITLES.get(kind, 'to generate text')}."
    converted = extra_arguments.overridden_architecture(arguments)
    weights = {**model_facts, "architecture": converted} if converted else model_facts
    if reason := model_kinds.contradiction(weights, wanted):
        example = "BAAI/bge-reranker-v2-m3" if kind == model_kinds.RERANKING else "model_kind=auto"
        return f"{what}\n{reason}.\nUse another model or kind. Example: {example}"
    if not kind:
        return ""
    if kind not in model_kinds.POOLING:
        return f"{what}\nNo server is set up for these. Use another model."
    server = catalog.language_model_server(deployment_config)
    pooling = server.pooling if deployment_config in catalog.servers() else None
    if pooling is None:
        ways = [config for config, item in catalog.servers().items() if item.pooling]
        used = f"{what}\nProjects with {server.title} generate text only."
        return f"{used}\nUse deployment_config={' or '.join(ways)}."
    if version_key(server.image(image).version) < version_key(pooling.since):
        lacks = f"{server.title} {server.image(image).version} has no {pooling.flag}"
        return (
            f"{what}\n{lacks}, which came with {pooling.since}.\nUse base_image={server.default_image.image}"
        )
    return ""


def pools(model_facts: Mapping[str, object], arguments: str) -> bool:
    """Return whether a model embeds, ranks or classifies, by its facts or by the extra arguments."""
    return bool(POOLING.search(arguments)) or model_kinds.of_answer(model_facts) != model_kinds.GENERATED


def gpu_lines(instance_type: str) -> list[str]:
    """Return the name and compute capability of each GPU of a type, as nvidia-smi lists them."""
    instance = catalog.instances().get(instance_type)
    card = instance.accelerator if instance else None
    return [f"{card.name}, {card.compute_capability}"] * card.count if card else []


def gpu_needs(
    deployment_config: str, image: str, shape: ModelFacts, kv_cache_dtype: str
) -> Mapping[str, float]:
    """Return feature -> the compute capability that the server, the model or its KV cache needs."""
    formats = catalog.memory().formats
    needs = gpu_support.needs(shape, releases.of_image(deployment_config, image))
    if shape.dtype in formats and not shape.guessed:
        needs[formats[shape.dtype].title] = formats[shape.dtype].compute_capability
    if kv_cache_dtype == "fp8":
        needs[formats["fp8_kv_cache"].title] = formats["fp8_kv_cache"].compute_capability
    return needs
