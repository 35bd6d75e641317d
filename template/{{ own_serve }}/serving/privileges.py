"""Giving up root: SageMaker starts containers with it, servers need none of it."""

import os
import pwd
import sys
import tempfile


def drop() -> None:
    """Go on as the user named by SERVING_USER when started as root."""
    name = os.environ.get("SERVING_USER") or "root"
    if os.getuid() != 0 or name == "root":
        return
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        sys.exit(f"serve: SERVING_USER: there is no user {name!r}")
    try:
        for stream in (1, 2):
            os.fchown(stream, user.pw_uid, user.pw_gid)  # a child may open its log anew, as this user
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    except PermissionError:
        print(f"serve: the container may not become {name}, so the server runs as root", file=sys.stderr)
    os.environ["HOME"] = tempfile.gettempdir()
