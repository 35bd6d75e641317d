"""A fake container engine: it records its calls, and "pushes" the image that STUB_* describes.

Tests that do not build images install it as `docker` on PATH. A pushed image is a file in STUB_FOLDER/pushed,
which projects.PushedStore reads. Tokens are recorded as right or wrong only.
"""

import json
import os
import sys
import time
import urllib.parse
from pathlib import Path

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def install(folder: Path) -> Path:
    """Create a folder with the stub as `docker` and an `aws` with one command; return it for PATH."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name, module in (("docker", "engine_stub"), ("aws", "aws_cli_stub")):
        script = f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        script += f"from tests.fakes.{module} import main\nsys.exit(main(sys.argv[1:]))\n"
        (programs / name).write_text(f"#!{sys.executable}\n{script}")
        (programs / name).chmod(0o755)
    return programs


def noting_docker(directory: Path) -> Path:
    """Return a folder with a docker that has every image and records its calls in docker.txt."""
    tools, record = directory / "tools", directory / "docker.txt"
    tools.mkdir()
    (tools / "docker").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >> {record}\n[ "$1" != image ] || echo "[{{}}]"\n'
    )
    (tools / "docker").chmod(0o755)
    return tools


def calls(folder: Path) -> list[list[str]]:
    """Return the recorded calls of the stub."""
    log = folder / "calls"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def main(arguments: list[str]) -> int:
    """Act as the container engine."""
    folder = Path(os.environ["STUB_FOLDER"])
    noted = list(arguments)
    platform = os.environ.get("STUB_PLATFORM", "linux/amd64").partition("/")
    if arguments[0] == "login":
        right = sys.stdin.read().rstrip("\n") == os.environ["STUB_TOKEN"]
        noted.append("right token" if right else "wrong token")
        print("Login Succeeded" if right else "denied", file=sys.stdout if right else sys.stderr)
        status = 0 if right else 1
    elif arguments[0] == "buildx":
        return 1 if os.environ.get("STUB_BUILDX") == "missing" else 0
    elif arguments[:2] == ["image", "inspect"]:
        if os.environ.get("STUB_IMAGE") == "missing":
            print("Error response from daemon: No such image", file=sys.stderr)
            return 1
        identity = os.environ.get("STUB_IMAGE_ID", "sha256:" + "3f" * 32)
        print(json.dumps([{"Id": identity, "Os": platform[0], "Architecture": platform[2]}]))
        status = 0
    elif arguments[0] in ("push", "build") and (said := os.environ.get(f"STUB_{arguments[0].upper()}_ERROR")):
        print(said)
        status = 1
    elif arguments[0] == "run" and (said := os.environ.get("STUB_RUN_ERROR")):
        print(said, file=sys.stderr)
        status = int(os.environ["STUB_RUN_CODE"])
    else:
        if arguments[0] == "push":
            media_type = os.environ.get("STUB_MEDIA_TYPE", DOCKER_MANIFEST)
            pushed = folder / "pushed"
            pushed.mkdir(exist_ok=True)
            file = pushed / urllib.parse.quote(arguments[1], safe="")
            file.write_text(json.dumps({"architecture": platform[2], "media_type": media_type}))
            print(f"latest: digest: sha256:0 size: 1570 ({arguments[1]})")
        if arguments[0] == "build":
            time.sleep(float(os.environ.get("STUB_BUILD_SECONDS", "0")))
        status = 0
    with (folder / "calls").open("a") as log:
        log.write(json.dumps(noted) + "\n")
    return status
