"""The one command of the AWS command line that a buildspec needs: get-login-password of ecr, by region."""

import base64
import sys

import boto3


def main(arguments: list[str]) -> int:
    """Print the token, asked of AWS with the credentials of the environment."""
    if arguments[:2] != ["ecr", "get-login-password"] or arguments[2:3] != ["--region"]:
        print(f"this stand-in for the AWS command line does not know {arguments}", file=sys.stderr)
        return 2
    answer = boto3.client("ecr", region_name=arguments[3]).get_authorization_token()
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    print(token.partition(":")[2])
    return 0
