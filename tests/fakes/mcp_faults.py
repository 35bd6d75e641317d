"""An MCP server with the behavior in its first argument: correct, or one of several faults.

The second argument is the result of its tool, as JSON. With PIDS, a file, it appends its process id to it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

HOW, RESULT = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else "{}")
TEXT = {"content": [{"type": "text", "text": json.dumps({"values": {"region": "eu-west-1"}})}]}


def write(message: dict[str, Any]) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def read() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message: dict[str, Any] = json.loads(line)
    return message


def keep_pid(pid: int) -> None:
    if "PIDS" in os.environ:
        with open(os.environ["PIDS"], "a") as file:
            file.write(f"{pid}\n")


def ask_back() -> bool:
    """Send the client a request of a server; return whether it responds like a client without features."""
    write({"id": "a", "method": "ping"})
    write({"id": 2, "method": "roots/list"})
    write({"method": "notifications/message", "params": {"level": "info", "data": "x"}})
    return read() == {"jsonrpc": "2.0", "id": "a", "result": {}} and read()["error"]["code"] == -32601


def answer(number: int, arguments: dict[str, Any]) -> None:
    """Respond to a call of the tool."""
    if HOW == "result":
        print(f'{{"jsonrpc": "2.0", "id": {number}, "result": {RESULT}}}', flush=True)
    elif HOW == "echo":
        values = {"region": json.dumps(arguments)[:900], "base_image": json.dumps(dict(os.environ))[:900]}
        write({"id": number, "result": {"structuredContent": {"values": values}}})
    elif HOW == "error":
        write(
            {"id": number, "error": {"code": -32603, "message": f"broken\n\x1b[31m {os.environ.get('KEY')}"}}
        )
    elif HOW == "wrong id":
        write({"id": True, "result": TEXT})
        write({"id": str(number), "result": TEXT})
    elif HOW == "nothing":
        write({"id": number})
    elif HOW == "not json":
        print("<html>" + "[" * 100_000, flush=True)
    elif HOW == "half a line":
        print('{"jsonrpc": "2.0", "id": 2, "result', end="", flush=True)
    elif HOW == "asks back":
        write({"id": number, "result": TEXT if ask_back() else {}})
    elif HOW == "slow":
        time.sleep(0.6)
        write({"id": number, "result": TEXT})
    elif HOW == "crash when called":
        os._exit(3)
    else:
        write({"id": number, "result": TEXT})


def main() -> None:
    keep_pid(os.getpid())
    if HOW == "crash":
        sys.exit("Error: Cannot find module")
    if HOW == "flood":
        while True:
            print("x" * 100_000)
    if HOW == "closes its output":
        os.close(1)
        time.sleep(60)
    if HOW == "leaves a child":
        child = subprocess.Popen(["sleep", "61"])
        keep_pid(child.pid)
    if HOW in ("deaf", "leaves a child"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    if HOW == "chatty":
        print("Server is starting …\n\n[1, 2]\n" + "log\n" * 1000, flush=True)
    while True:
        message = read()
        if message["method"] == "initialize":
            version = "1999-01-01" if HOW == "another version" else message["params"]["protocolVersion"]
            write({"id": message["id"], "result": {"protocolVersion": version, "capabilities": {}}})
        elif message["method"] == "tools/call":
            answer(message["id"], message["params"]["arguments"])


if __name__ == "__main__":
    main()
