# Part of the library: `copier update` replaces this file.
"""Giving up root: SageMaker starts containers with it, servers need none of it."""

import contextlib
import ctypes
import os
import pwd
import sys
import tempfile

PR_SET_NO_NEW_PRIVS = 38


def drop() -> None:
    """Continue as the user named by SERVING_USER when started as root; end with one line if it is unknown.

    Except as root by choice, no program that is started from here can gain privileges (setuid).
    """
    name = os.environ.get("SERVING_USER") or "root"
    if os.getuid() == 0:
        if name == "root":
            return
        become(name)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def become(name: str) -> None:
    """Become a user for good, with a home that this user can write to."""
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        print(f"serve: SERVING_USER: there is no user {name!r}", file=sys.stderr)
        sys.exit(2)
    try:
        for stream in (1, 2):
            if not os.isatty(stream):  # a terminal remains its owner's
                os.fchown(stream, user.pw_uid, user.pw_gid)  # nginx opens its log again, as this user
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    except PermissionError:
        print(f"serve: the container may not become {name}, so the server runs as root", file=sys.stderr)
    with contextlib.suppress(FileNotFoundError):  # then it keeps root's
        os.environ["HOME"] = tempfile.gettempdir()
