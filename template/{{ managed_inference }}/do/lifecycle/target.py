"""The settings of an endpoint of SageMaker, beside those of every project, and how they must go together."""

import re
from dataclasses import dataclass

from lifecycle.project import PRECONDITION, USAGE, Config, Failure

LONGEST_PREFIX = 54  # of a name that ends in a dash and the eight digits of its content
ROLE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/[A-Za-z0-9+=,.@_/-]+")
SECRET = re.compile(r"token|secret|password|api_?key|credential", re.IGNORECASE)
PLAIN = re.compile(r"_ARN$|TOKENIZER|_TOKENS$|TOKENS_", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Target(Config):
    """One field a setting; their meaning stands in do/config.toml."""

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
    model_data: str
    download_seconds: int
    startup_seconds: int
    invoke_seconds: float
    wait_seconds: float
    environment: dict[str, str]

    @property
    def scales(self) -> bool:
        """Whether the number of copies follows the load."""
        return self.scale_to_zero or self.max_copies > self.copies

    @property
    def name_prefix(self) -> str:
        """How names begin that end in the eight digits of their content."""
        return f"{self.project_name[:LONGEST_PREFIX].rstrip('-')}-"

    def check(self) -> None:
        """Raise Failure (usage) for settings that do not go together, (precondition) without a role."""
        for wrong, seen, remedy in (
            (self.instance_count < 1, "instance_count is 0", "instance_count = 1"),
            (
                self.max_instance_count < self.instance_count,
                f"max_instance_count {self.max_instance_count} is less than {self.instance_count}",
                f"max_instance_count = {self.instance_count}",
            ),
            (self.copies < 1, "copies is 0", "copies = 1, with scale_to_zero = true"),
            (
                self.max_copies < self.copies,
                f"max_copies {self.max_copies} is less than {self.copies}",
                f"max_copies = {self.copies}",
            ),
            (
                self.derived_for != self.instance_type,
                f"memory, GPUs, driver and price are for {self.derived_for}, not {self.instance_type}",
                f"`copier update -d instance_type={self.instance_type}`, or write them and derived_for",
            ),
            *(
                (not 60 <= seconds <= 3600, f"{name} is {seconds}, not 60 to 3600", f"{name} = 600")
                for name, seconds in (
                    ("download_seconds", self.download_seconds),
                    ("startup_seconds", self.startup_seconds),
                )
            ),
            (
                bool(self.model_data) and not re.fullmatch(r"s3://[^/]+/.+(\.tar\.gz|/)", self.model_data),
                f"model_data {self.model_data} ends neither in .tar.gz nor in /",
                'model_data = "s3://bucket/models/mine/"',
            ),
            *(
                (
                    bool(SECRET.search(name)) and not PLAIN.search(name),
                    f"environment holds {name}, which looks like a secret",
                    "keep it in Secrets Manager; hf_token_secret_arn names it to the server",
                )
                for name in self.environment
            ),
            (
                bool(self.role_arn) and not ROLE.fullmatch(self.role_arn),
                f"role_arn {self.role_arn} is not the ARN of a role",
                'role_arn = "arn:aws:iam::123456789012:role/inference"',
            ),
        ):
            if wrong:
                raise Failure(USAGE, "config-mismatch", "do/config.toml does not go together", seen, remedy)
        if not self.role_arn:
            what, seen = "there is no role for the container", 'role_arn = "" in do/config.toml'
            raise Failure(PRECONDITION, "no-role", what, seen, "name one that SageMaker may assume there")
