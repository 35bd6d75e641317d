"""Which machine image has a driver for an image's CUDA and for a GPU (catalog/driver_amis.yml)."""

import dataclasses

from ..catalog import catalog
from ..catalog.entries.versions import version_key
from . import releases


@dataclasses.dataclass(frozen=True)
class Driver:
    """A machine image (InferenceAmiVersion). `problem` states why none is suitable, `warning` a risk."""

    ami: str
    problem: str = ""
    warning: str = ""


def of_image(deployment_config: str, image: str, capability: float | None = None) -> Driver:
    """Return the driver for an image of a server, or of Triton, on a GPU of a compute capability."""
    server = catalog.language_model_server(deployment_config)
    if deployment_config in catalog.triton():
        return choose(server.image(image).cuda, "", capability)
    release = releases.of_image(deployment_config, image)
    return choose(release.cuda, release.compat, capability)


def choose(cuda: str, compat: str, capability: float | None = None) -> Driver:
    """Return the oldest machine image whose driver runs a CUDA and a GPU, with the reason if none does.

    A CUDA newer than every driver's runs by NVIDIA's compatibility within a major version.
    """
    amis, needed = catalog.driver_amis(), version_key(cuda)
    newest = list(amis)[-1]
    for_gpu = [name for name, ami in amis.items() if (capability or 0) <= ami.compute_capability]
    if compat == "forced":
        too_new = f"its CUDA {cuda} libraries fail with the driver of this GPU (CUDA error 803)"
        old = [name for name in for_gpu if version_key(amis[name].cuda) < needed]
        return Driver(old[0]) if old else Driver(newest, problem=too_new)
    enough = [name for name in for_gpu if version_key(amis[name].cuda) >= needed]
    if enough:
        return Driver(enough[0])
    runs = amis[newest]
    warning = f"CUDA {cuda} is newer than the {runs.cuda} of SageMaker's newest driver ({runs.driver}): "
    return Driver(newest, warning=f"{warning}kernels that are compiled at run time can fail")
