# Part of the library: `copier update` replaces this file.
"""The settings of a project that runs a model without inference components: SageMaker sets the others."""

from dataclasses import dataclass, field

from lifecycle.sagemaker import target


@dataclass(frozen=True, kw_only=True)
class Target(target.Target):
    """The settings in do/config.toml. There are no copies to scale, GPUs, routing or alarms."""

    max_instance_count: int = field(default=0, init=False)
    copies: int = field(default=1, init=False)
    max_copies: int = field(default=1, init=False)
    requests_per_copy: int = field(default=1, init=False)
    scale_to_zero: bool = field(default=False, init=False)
    accelerators: int = field(default=0, init=False)
    ami: str = field(default="", init=False)
    ami_cuda: str = field(default="", init=False)
    detailed_metrics: bool = field(default=False, init=False)
    metrics_path: str = field(default="", init=False)
    routing: str = field(default="least-outstanding", init=False)
    routing_prefix_bytes: int = field(default=0, init=False)
    routing_concurrency: int = field(default=0, init=False)
    alarm_errors_percent: float = field(default=0.0, init=False)
    alarm_latency_ms: int = field(default=0, init=False)
    alarm_topic: str = field(default="", init=False)
    download_seconds: int = field(default=0, init=False)
