"""The settings of the fake AWS."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Settings:
    """Durations, and the decisions of AWS that its documentation leaves open."""

    endpoint_seconds: float = 0.1
    component_seconds: float = 0.1
    deletion_seconds: float = 0.1
    config_visible_after_seconds: float = 0  # until CreateEndpoint finds a new configuration
    describes_changes_after_seconds: float = 0  # until descriptions of endpoints and components show a change
    # No instance comes: seconds for each second of VariantInstanceProvisionTimeoutInSeconds. None: they come.
    provision_second: float | None = None
    startup_limit_seconds: float | None = None  # None: the limit of StartupParameters
    invocation_seconds: float = 60.0
    deletable_while_creating: bool = False  # an inference component
    endpoint_while_placing: Literal["Updating", "InService"] = "Updating"  # while its components change
    openai_route: Literal["/invocations", "/v1/chat/completions"] = "/v1/chat/completions"  # of the container
    wakes: bool = True  # whether a policy starts the first copy of an invoked component without copies
    endpoint_with_components: Literal["deleted", "refused"] = "deleted"  # by DeleteEndpoint
    # The memory that the system of an instance reserves: on ml.g5.xlarge, with 16 GiB, a component can have
    # 1024 MiB and not 4096. The amount on types without GPUs is not published.
    reserved_mib: float = 1024
    reserved_share_with_gpus: float = 0.8
    image_refused: Literal["at the call", "while creating"] = "while creating"
    role_reads_alarms: bool = True  # whether the execution role has cloudwatch:DescribeAlarms
    bake_seconds: float = 0.3  # the time for which WaitIntervalInSeconds of an update counts
    failed_update: Literal["rolls back", "fails"] = "rolls back"
    default_quota: float = 4
    serverless_concurrency: int = 200  # of all serverless endpoints
    cold_calls: int = 0  # calls that a serverless endpoint rejects after its creation
    quotas: dict[str, float] = field(default_factory=dict)  # by instance type, for endpoint usage
    transform_quotas: dict[str, float] = field(default_factory=dict)  # by instance type, for transform jobs
    job_seconds: float = 0.1  # until a transform job has its instances
    job_reason: str = ""  # why transform jobs fail
    role_usable_after_seconds: float = 0  # time until CodeBuild can assume a new role
    build_environment: dict[str, str] = field(
        default_factory=dict
    )  # of all builds, in addition to those of AWS
    missing_roles: set[str] = field(default_factory=set)  # roles that SageMaker cannot assume
