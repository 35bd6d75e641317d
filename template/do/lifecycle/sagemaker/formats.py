# Part of the library: `copier update` replaces this file.
"""The formats of the settings of a SageMaker endpoint."""

import re

from lifecycle import formats
from lifecycle.formats import Format

FORMATS = {
    **formats.FORMATS,
    "role_arn": Format(
        re.compile(
            r"|arn:aws[a-z-]*:iam::[0-9]{12}:role(?=/.{1,512}\Z)(/[A-Za-z0-9+=,.@_-]+)*/[A-Za-z0-9+=,.@_-]{1,64}"
        ),
        "the ARN of an IAM role",
        "arn:aws:iam::123456789012:role/service-role/inference",
    ),
    "subnets": Format(
        re.compile(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})"), "the ID of a subnet", "subnet-0123456789abcdef0"
    ),
    "security_groups": Format(
        re.compile(r"sg-([0-9a-f]{8}|[0-9a-f]{17})"), "the ID of a security group", "sg-0123456789abcdef0"
    ),
    "kms_key": Format(
        re.compile(
            r"|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
        ),
        "the ARN of a KMS key (not of an alias)",
        "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
}
