# Part of the library: `copier update` replaces this file.
"""The settings of a SageMaker endpoint in addition to those of every project, and their validation."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from lifecycle import chosen
from lifecycle.formats import Format
from lifecycle.project import PRECONDITION, PROJECT, USAGE, Config, Failure, read_toml
from lifecycle.sagemaker.formats import FORMATS

LONGEST_PREFIX = 54  # of a name that ends in a dash and an eight-digit hash
TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]+")
ROUTINGS = ("least-outstanding", "prefix-aware")
MOST_IN_NETWORK = {"subnets": 16, "security_groups": 5}
MOST_VARIABLES = 16  # in the environment of a component's container
VARIABLE, LONGEST_VALUE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,1023}"), 1024
METRICS_PATH = re.compile(r"/(?!.*\.\.)[A-Za-z0-9/_.-]{1,255}")
SERVER_PREFIX = "SERVE_"  # of variables that override serving/settings.toml
GPU_TYPE = re.compile(r"ml\.[gp][0-9]")
SECRET = re.compile(r"token|secret|password|api_?key|credential", re.IGNORECASE)
PLAIN = re.compile(r"_ARN$|TOKENIZER|_TOKENS$|TOKENS_", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Target(Config):
    """The settings, which are documented in do/config.toml."""

    setting_formats: ClassVar[Mapping[str, Format]] = FORMATS
    # The variant of an endpoint runs an inference component, or a model that its config names. Jobs run a
    # model, too.
    target_kind: ClassVar[Literal["component", "model", "job"]] = "component"

    role_arn: str
    instance_count: int
    max_instance_count: int
    copies: int
    max_copies: int
    requests_per_copy: int
    scale_to_zero: bool
    derived_for: str
    memory_mib: int
    accelerators: int
    ami: str
    ami_cuda: str
    usd_per_hour: float
    price_estimated: bool
    max_usd_per_hour: float
    expires_after_hours: float
    detailed_metrics: bool
    metrics_path: str
    routing: str
    routing_prefix_bytes: int
    routing_concurrency: int
    alarm_errors_percent: float
    alarm_latency_ms: int
    alarm_topic: str
    subnets: list[str]
    security_groups: list[str]
    network_isolation: bool
    kms_key: str
    model_data: str
    provision_seconds: int
    download_seconds: int
    startup_seconds: int
    invoke_seconds: float
    wait_seconds: float
    environment: dict[str, str]

    @property
    def scales(self) -> bool:
        """Whether auto scaling sets the number of copies."""
        return self.scale_to_zero or self.max_copies > self.copies

    @property
    def alarms(self) -> bool:
        """Whether the endpoint has alarms on its responses."""
        return self.alarm_errors_percent > 0 or self.alarm_latency_ms > 0

    @property
    def name_prefix(self) -> str:
        """The prefix of names that end in an eight-digit hash."""
        return f"{self.project_name[:LONGEST_PREFIX].rstrip('-')}-"

    @property
    def stack_role(self) -> str:
        """The name of the role that iam/stack.yml creates."""
        return f"mcc-{self.project_id}-execution"

    @property
    def role_command(self) -> str:
        """The steps that create the role."""
        return f"Create it, then set role_arn in do/config.toml to its RoleArn:\n    {self.stack_command}"

    @property
    def token_secret(self) -> bool:
        """Whether the container reads a token from a secret."""
        return bool(self._served().get("hf_token_secret_arn", chosen.TOKEN_SECRET))

    def check(self) -> None:
        """Raise Failure (usage) for settings that contradict each other."""
        for seen, next_step in self._mismatches():
            raise Failure(
                USAGE, "config-mismatch", "settings in do/config.toml do not match", seen, next_step
            )

    def require_role(self) -> None:
        """Raise Failure (precondition) without a role for the container."""
        if not self.role_arn:
            what, seen = "the container has no IAM role", 'role_arn = "" in do/config.toml'
            raise Failure(PRECONDITION, "no-role", what, seen, self.role_command)

    def _mismatches(self) -> Iterator[tuple[str, str]]:
        """Yield the invalid setting and the fix."""
        for name in ("instance_count", "copies"):
            least, most = getattr(self, name), getattr(self, f"max_{name}")
            if least < 1:
                yield f"{name} is {least}", f"set {name} = 1; for zero, set scale_to_zero = true"
            if most < least:
                yield f"max_{name} {most} is less than {name} {least}", f"set max_{name} = {least}"
        for name, least in (("provision_seconds", 300), ("download_seconds", 60), ("startup_seconds", 60)):
            if not least <= getattr(self, name) <= 3600:
                yield f"{name} is {getattr(self, name)}, not {least} to 3600", f"set {name} = 600"
        if self.scales and self.requests_per_copy < 1:
            yield "requests_per_copy is 0, and auto scaling divides by it", "set requests_per_copy = 1"
        if self.detailed_metrics and not METRICS_PATH.fullmatch(self.metrics_path):
            seen = f"metrics_path {self.metrics_path!r} is not a path that SageMaker can request"
            yield seen, 'set metrics_path = "/metrics", or detailed_metrics = false'
        yield from self._routing_mismatches()
        yield from self._alarm_mismatches()
        if self.accelerators and not self.ami and GPU_TYPE.match(self.instance_type):
            seen = f"ami is empty, so {self.instance_type} starts with an old NVIDIA driver"
            yield seen, 'set ami = "al2023-ami-sagemaker-inference-gpu-4-1", or `copier update`'
        if self.derived_for != self.instance_type:
            seen = f"memory, GPUs, driver and price are for {self.derived_for}, not {self.instance_type}"
            yield (
                seen,
                f"copier update --trust -d instance_type={self.instance_type}",
            )
        yield from self._mismatches_of_container()

    def _mismatches_of_container(self) -> Iterator[tuple[str, str]]:
        """Yield the invalid settings of the container and its role, and the fix."""
        if self.model_data and not re.fullmatch(r"s3://[^/]+/.+(\.tar\.gz|/)", self.model_data):
            seen = f"model_data {self.model_data} is not an s3:// address that ends in .tar.gz or /"
            yield seen, 'set model_data = "s3://bucket/models/mine/"'
        if len(self.environment) > MOST_VARIABLES:
            seen = f"environment has {len(self.environment)} entries, SageMaker accepts {MOST_VARIABLES}"
            yield seen, "remove some, or set them in the image with ENV in the Dockerfile"
        for name, value in self.environment.items():
            if not VARIABLE.fullmatch(name) or len(value) > LONGEST_VALUE:
                seen = f"environment: SageMaker rejects {name[:40]!r} with a value of {len(value)} characters"
                yield seen, f"use letters, digits and _ in the name, and at most {LONGEST_VALUE} characters"
            if SECRET.search(name) and not PLAIN.search(name):
                next_step = "store it in Secrets Manager, and set hf_token_secret_arn"
                yield f"environment holds {name}, which looks like a secret", next_step
        yield from self._network_mismatches()

    def _routing_mismatches(self) -> Iterator[tuple[str, str]]:
        """Yield the invalid setting of routing and the fix."""
        if self.routing not in ROUTINGS:
            yield f"routing is {self.routing}, not {' or '.join(ROUTINGS)}", f'set routing = "{ROUTINGS[0]}"'
        if self.routing != "prefix-aware":
            return
        if self.max_instance_count < 2:
            seen = "routing is prefix-aware, and there is only one instance to route to"
            yield seen, 'set max_instance_count = 2, or routing = "least-outstanding"'
        for name, least, most in (("prefix_bytes", 1024, 65536), ("concurrency", 1, 1024)):
            value = getattr(self, f"routing_{name}")
            if not least <= value <= most:
                yield f"routing_{name} is {value}, not {least} to {most}", f"set routing_{name} = {least}"

    def _alarm_mismatches(self) -> Iterator[tuple[str, str]]:
        """Yield the invalid setting of alarms and the fix."""
        if self.alarm_errors_percent >= 100:
            seen = f"alarm_errors_percent is {self.alarm_errors_percent}, and no share is larger"
            yield seen, "set alarm_errors_percent = 1.0, or 0 for no alarm"
        if not self.alarm_topic:
            return
        topic = TOPIC.fullmatch(self.alarm_topic)
        if not topic or topic[1] != self.region:
            seen = f"alarm_topic {self.alarm_topic} is not the ARN of an SNS topic in {self.region}"
            yield seen, f'set alarm_topic = "arn:aws:sns:{self.region}:123456789012:alarms"'
        if not self.alarms:
            seen = "alarm_topic is set, and there is no alarm"
            yield seen, "set alarm_errors_percent or alarm_latency_ms"

    def _network_mismatches(self) -> Iterator[tuple[str, str]]:
        """Yield the settings of the private network and the key that contradict each other, and the fix."""
        if bool(self.subnets) != bool(self.security_groups):
            missing = "security_groups" if self.subnets else "subnets"
            yield f"{missing} is empty", "set both subnets and security_groups, or neither"
        for name, most in MOST_IN_NETWORK.items():
            if (count := len(getattr(self, name))) > most:
                yield f"{name} has {count} IDs, SageMaker accepts {most}", "remove some"
        if self.kms_key and (region := self.kms_key.split(":")[3]) != self.region:
            seen = f"kms_key is in {region}, the endpoint in {self.region}"
            yield seen, f"set kms_key to a key in {self.region}"
        if not self.network_isolation:
            return
        if model := self._downloaded_model():
            seen = f"network_isolation = true, and the container downloads {model} when it starts"
            yield seen, "copy the model to S3 and set model_data, or set network_isolation = false"
        if self.token_secret:
            seen = "network_isolation = true, and the container reads the secret in hf_token_secret_arn"
            yield seen, "remove the secret: copier update --trust -d hf_token_secret_arn="

    def _downloaded_model(self) -> str:
        """Return the language model that the container itself downloads, "" if there is none."""
        model = str(self._served().get("model", chosen.HUB_MODEL))
        return "" if self.model_data or model.startswith("/") else model

    def _served(self) -> dict[str, Any]:
        """Return the settings of the inference server, {} without any. The environment overrides the file."""
        file = PROJECT / "serving" / "settings.toml"
        given = {
            name.removeprefix(SERVER_PREFIX).lower(): value
            for name, value in self.environment.items()
            if name.startswith(SERVER_PREFIX)
        }
        return {**read_toml(file), **given} if file.exists() else {}
