# Part of the library: `copier update` replaces this file.
"""Drop root privileges. SageMaker starts containers as root, but servers do not need it."""

import contextlib
import ctypes
import os
import pwd
import sys
import tempfile

PR_SET_NO_NEW_PRIVS = 38


def drop() -> None:
    """Continue as the user in SERVING_USER if started as root. Exit with code 2 if there is no such user.

    Unless SERVING_USER is root, programs started from here cannot gain privileges (setuid).
    """
    name = os.environ.get("SERVING_USER") or "root"
    if os.getuid() == 0:
        if name == "root":
            return
        become(name)
    else:
        complete()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def complete() -> None:
    """Give a user that is not in the image (`docker run --user`) a name and a home directory.

    Libraries ask for both, such as PyTorch for its caches.
    """
    if not os.access(os.path.expanduser("~"), os.W_OK):
        move_home()
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        os.environ.setdefault("USER", str(os.getuid()))


def move_home() -> None:
    """Set HOME to the temporary directory; without one, keep it."""
    with contextlib.suppress(FileNotFoundError):
        os.environ["HOME"] = tempfile.gettempdir()


def become(name: str) -> None:
    """Change to a user permanently, with a home directory that this user can write to."""
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        print(f"serve: SERVING_USER: there is no user {name!r}", file=sys.stderr)
        sys.exit(2)
    try:
        for stream in (1, 2):
            if not os.isatty(stream):  # keep the owner of a terminal
                os.fchown(stream, user.pw_uid, user.pw_gid)  # nginx reopens its log as this user
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    except PermissionError:
        print(f"serve: the container cannot change to user {name}; the server runs as root", file=sys.stderr)
    move_home()  # that of root is not writable
