# Part of the library: `copier update` replaces this file.
"""nginx, as serve starts it in front of a server."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from runtime import supervisor
from runtime.supervisor import Child


def find() -> str | None:
    """Return the path of nginx, which is often in no user's PATH."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def address(port: int) -> str:
    """Return where to listen: on every address, as SageMaker expects, unless SERVING_HOST names one."""
    return f"{os.environ.get('SERVING_HOST', '0.0.0.0')}:{port}"


def start(config: Path, run_dir: Path, port: int, replaced: Mapping[str, str]) -> Child:
    """Start nginx with a configuration in which port, directory and what is `replaced` are this run's.

    Raises OSError when it is not installed.
    """
    text = config.read_text()
    own_values = {"listen 8080": f"listen {address(port)}", "/tmp/serving": str(run_dir)}
    for old, new in {**own_values, **replaced}.items():
        text = text.replace(old, new)
    own = run_dir / "nginx.conf"
    own.write_text(text)
    command = [find() or "nginx", "-e", "stderr", "-c", str(own)]
    if os.getuid() == 0:
        command += ["-g", "user root;"]  # as root nginx would pick a user that cannot read run_dir
    if os.access("/dev/stdout", os.W_OK):
        return Child("nginx", supervisor.start(command), graceful=signal.SIGQUIT)
    # A terminal of another user: nginx cannot open it again for its log, but a pipe to it.
    writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=True)
    with contextlib.closing(writer.stdin or sys.stdout.buffer) as pipe:
        return Child("nginx", supervisor.start(command, stdout=pipe), graceful=signal.SIGQUIT)
