"""`make demo`: the default project from the questions to predictions, without a container engine."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent
PROJECT = TEMPLATE / ".demo" / "abalone-age"
PORT = 8080
START_SECONDS = 600


def main() -> int:
    """Render, train, serve, call; return 0 when predictions were shown."""
    if not (PROJECT / "model").is_dir():
        copy = f"copier copy --defaults --trust --quiet --vcs-ref HEAD . {PROJECT.relative_to(TEMPLATE)}"
        say(copy)
        subprocess.run([sys.executable, "-m", *copy.split()], cwd=TEMPLATE, check=True)
    say("do/run --local")
    server = subprocess.Popen([sys.executable, "do/run", "--local", "--port", str(PORT)], cwd=PROJECT)
    try:
        if not wait_until_ready(server):
            say("the server did not start")
            return 1
        say("do/test")
        return subprocess.call([sys.executable, "do/test", "--url", f"http://127.0.0.1:{PORT}"], cwd=PROJECT)
    finally:
        server.terminate()
        server.wait()


def wait_until_ready(server: "subprocess.Popen[bytes]") -> bool:
    """Return whether /ping answered 200 before the server ended or the time was over."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ping", timeout=2):
                return True
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    return False


def say(text: str) -> None:
    """Show the command a person would type, on stderr."""
    print(f"\n$ {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
