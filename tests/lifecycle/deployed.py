"""Helpers for tests of deployed endpoints."""

import re

from tests.lifecycle.commands import NAME, Project


def described(project: Project) -> dict[str, object]:
    sagemaker = project.aws.boto3_client("sagemaker")
    found: dict[str, object] = sagemaker.describe_inference_component(InferenceComponentName=NAME)
    return found


def image_of(project: Project) -> str:
    specification: dict[str, dict[str, dict[str, str]]] = described(project)["Specification"]  # type: ignore[assignment]
    return specification["Container"]["DeployedImage"]["SpecifiedImage"].partition("@")[2]


def configure(project: Project, **settings: str) -> None:
    """Write settings to do/config.toml as users do."""
    file = project.path / "do" / "config.toml"
    text = file.read_text()
    for name, value in settings.items():
        text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert count == 1, name
    file.write_text(text)


def scale_to_zero(project: Project) -> None:
    """Remove the copies, like Application Auto Scaling without requests."""
    component = project.aws.world.region("us-east-1").components[NAME]
    project.aws.world.dispose(component.container)
    component.container, component.copies, component.current_copies = None, 0, 0
