"""How the stand-in of AWS behaves."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Settings:
    """How long things take and how AWS decides where its documentation leaves two answers open."""

    endpoint_seconds: float = 0.1
    component_seconds: float = 0.1
    deletion_seconds: float = 0.1
    startup_limit_seconds: float | None = None  # None: what StartupParameters allow
    invocation_seconds: float = 60.0
    deletable_while_creating: bool = False  # an inference component
    endpoint_while_placing: Literal["Updating", "InService"] = "Updating"  # while its components change
    wakes: bool = True  # whether a policy starts a first copy when one of none is called
    endpoint_with_components: Literal["deleted", "refused"] = "deleted"  # by DeleteEndpoint
    # What the system of an instance keeps for itself: of ml.g5.xlarge, with 16 GiB, a component may have
    # 1024 MiB and not 4096. How much types without GPUs keep was not published.
    reserved_mib: float = 1024
    reserved_share_with_gpus: float = 0.8
    image_refused: Literal["at the call", "while creating"] = "while creating"
    failed_update: Literal["rolls back", "fails"] = "rolls back"
    default_quota: float = 4
    quotas: dict[str, float] = field(default_factory=dict)  # by instance type, for endpoint usage
    role_usable_after_seconds: float = 0  # how long a new role is unknown to CodeBuild
    build_environment: dict[str, str] = field(default_factory=dict)  # of every build, besides AWS's own
    missing_roles: set[str] = field(default_factory=set)  # roles that SageMaker cannot assume
