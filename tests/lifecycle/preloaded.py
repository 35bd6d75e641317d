"""Loads what every command reads anew: imported by the process that commands are forked from, by no other."""

from functools import lru_cache
from typing import Any

import botocore.loaders
import botocore.session
import kubernetes.client
import kubernetes.stream
import yaml

USED = (kubernetes.client, kubernetes.stream, yaml)
SERVICES = ("ecr", "eks", "sagemaker", "sts")

# The descriptions of services are large, and nothing changes them: each is read once.
reader: Any = botocore.loaders.JSONFileLoader
reader.load_file = lru_cache(reader.load_file)
reader.__hash__ = lambda self: 0
reader.__eq__ = lambda self, other: True
for service in SERVICES:
    botocore.session.get_session().create_client(
        service, "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
