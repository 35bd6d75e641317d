# Part of the library: `copier update` replaces this file.
"""The checks of what every container in SageMaker needs: its role and its model."""

import json
from collections.abc import Callable
from typing import Any

from lifecycle import model_files
from lifecycle.aws import Aws
from lifecycle.project import ERROR, NOT_CHECKED, OK, PROJECT, WARNING, Finding, finding, read_toml
from lifecycle.sagemaker.target import Target

SERVICE = "sagemaker.amazonaws.com"
Check = tuple[str, Callable[[Target, Aws], Finding]]  # the title, and the check


def role(settings: Target, aws: Aws) -> Finding:
    """Return whether SageMaker can assume the role."""
    what, next_step = "the role cannot be used", settings.role_command
    if not settings.role_arn:
        return no_role(settings)
    found = aws.find("iam", "get_role", RoleName=settings.role_arn.rpartition("/")[2])
    if found is None:
        return finding("role", ERROR, what, f"{settings.role_arn} does not exist", next_step)
    if (arn := found["Role"]["Arn"]) != settings.role_arn:
        seen = f"role_arn is {settings.role_arn}; the role of this name is {arn}"
        return finding("role", ERROR, what, seen, f'set role_arn = "{arn}" in do/config.toml')
    trust = found["Role"]["AssumeRolePolicyDocument"]
    if SERVICE not in _trusted(trust):
        seen = f"its trust policy does not name {SERVICE}: {json.dumps(trust)}"
        return finding("role", ERROR, what, seen, next_step)
    return finding("role", OK, "role", settings.role_arn)


def no_role(settings: Target) -> Finding:
    """Return that the settings name no role, and how to create one."""
    return finding("role", ERROR, "the container has no IAM role", "role_arn is empty", settings.role_command)


def model_source(settings: Target, aws: Aws) -> Finding:
    """Return whether the model is where the container loads it from, if that can be checked."""
    file = PROJECT / "serving" / "settings.toml"
    source = settings.model_data or (str(read_toml(file).get("model", "")) if file.exists() else "")
    if source.startswith("s3://"):
        return model_files.on_s3(source, aws)
    if not source:
        return finding("model-source", OK, "model", "in the image")
    return _of_the_hub(source, settings.call_seconds)


def _trusted(document: dict[str, Any]) -> set[str]:
    """Return the services that a trust policy allows to assume the role."""
    statements, named = document["Statement"], set[str]()
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement["Effect"] == "Allow":
            named |= {services} if isinstance(services, str) else set(services)
    return named


def _of_the_hub(model: str, seconds: float) -> Finding:
    import urllib.error
    import urllib.request

    url = f"https://huggingface.co/api/models/{model}"
    try:
        with urllib.request.urlopen(url, timeout=seconds) as response:
            details = json.load(response)
    except urllib.error.HTTPError as error:
        what, seen = "the model is not public on the Hugging Face Hub", f"{url}: status {error.code}"
        next_step = "check the name; a private model requires hf_token_secret_arn"
        return finding("model-source", WARNING, what, seen, next_step)
    except (OSError, ValueError) as error:
        return finding("model-source", NOT_CHECKED, "model", f"{url}: {error}", "check the network")
    if details.get("gated"):
        next_step = f"request access at https://huggingface.co/{model}, and set hf_token_secret_arn"
        return finding("model-source", WARNING, "the model is gated", model, next_step)
    return finding("model-source", OK, "model", f"{model} on the Hugging Face Hub")
