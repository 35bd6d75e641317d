"""The server gives up root, and works as a user that is not in the image."""

import os
import pwd
import subprocess
import sys

import pexpect
import pytest

from tests.conftest import Render

DROP = """
import os, sys
sys.path.insert(0, "serving")
from runtime import privileges
before = os.fstat(1).st_uid
privileges.drop()
status = open("/proc/self/status").read()
print(os.getuid(), before == os.fstat(1).st_uid, "NoNewPrivs:\\t1" in status, flush=True)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give up root")
@pytest.mark.parametrize("user", ["nobody", "root"])
def test_a_terminal_remains_its_owners_and_nothing_gains_privileges(render: Render, user: str) -> None:
    project = render(deployment_config="http-flask")
    environment = {**os.environ, "SERVING_USER": user}
    child = pexpect.spawn(
        sys.executable, ["-c", DROP], cwd=str(project), env=environment, timeout=60, encoding="utf-8"
    )
    child.expect(pexpect.EOF)
    dropped = user == "nobody"
    uid = pwd.getpwnam(user).pw_uid
    assert (child.before or "").split() == [str(uid), "True", str(dropped)]


NAMED = """
import getpass, os, pwd, sys
sys.path.insert(0, "serving")
from runtime import privileges
os.setgid(10001)
os.setuid(10001)
privileges.drop()
print(getpass.getuser(), os.path.expanduser("~"))
"""


def test_the_user_of_a_pod_has_a_name_and_a_home(render: Render) -> None:
    """PyTorch asks for both; Kubernetes starts pods as a user that is not in the image."""
    assert os.getuid() == 0, "this lane changes the user: run it as root"
    project = render(deployment_config="http-flask")
    kept = {name: value for name, value in os.environ.items() if name not in ("USER", "LOGNAME", "TMPDIR")}
    command = [sys.executable, "-c", NAMED]
    environment = {**kept, "HOME": "/root"}
    done = subprocess.run(command, env=environment, cwd=project, capture_output=True, text=True)
    assert done.stdout.split() == ["10001", "/tmp"], done.stderr


def test_an_unknown_user_is_one_line_and_exit_code_2(render: Render) -> None:
    assert os.getuid() == 0, "this lane drops privileges: run it as root"
    project = render(deployment_config="http-flask")
    environment = {**os.environ, "SERVING_USER": "nobody-at-all"}
    command = [sys.executable, "serving/serve", "serve"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, "serve: SERVING_USER: there is no user 'nobody-at-all'\n")
