# Part of the library: `copier update` replaces this file.
"""Print a short-lived bearer token for the OpenAI-compatible path of the endpoint."""

import argparse

from lifecycle.aws import Aws
from lifecycle.console import log
from lifecycle.project import USAGE, Failure, Result
from lifecycle.sagemaker import openai_path
from lifecycle.sagemaker.target import Target


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/token."""
    text = f"lifetime of the token (%(default)s), at most {openai_path.MOST_MINUTES}"
    parser.add_argument("--minutes", type=int, default=15, help=text)


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the token and the base URL, without a call to AWS: only a use shows whether AWS accepts it."""
    minutes, most = arguments.minutes, openai_path.MOST_MINUTES
    if not 1 <= minutes <= most:
        what, seen = "invalid lifetime of a token", f"--minutes {minutes}, SageMaker accepts 1 to {most}"
        raise Failure(USAGE, "token-lifetime", what, seen, f"do/token --minutes {min(max(minutes, 1), most)}")
    aws = Aws(settings, "token", read_only=True)
    token = openai_path.bearer_token(aws, minutes)
    log(f"valid for {minutes} min, with your permissions: do not log it or pass it as an argument")
    return {
        "token": token,
        "minutes": minutes,
        "base_url": openai_path.base_url(settings, aws),
        "text": token,
    }
