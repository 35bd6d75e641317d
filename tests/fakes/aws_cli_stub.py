"""The one command of the AWS CLI that a buildspec requires: get-login-password of ecr, by Region."""

import base64
import sys

import boto3


def main(arguments: list[str]) -> int:
    """Print the token, which AWS returns for the credentials in the environment."""
    if arguments[:2] != ["ecr", "get-login-password"] or arguments[2:3] != ["--region"]:
        print(f"the fake AWS CLI does not support {arguments}", file=sys.stderr)
        return 2
    answer = boto3.client("ecr", region_name=arguments[3]).get_authorization_token()
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    print(token.partition(":")[2])
    return 0
