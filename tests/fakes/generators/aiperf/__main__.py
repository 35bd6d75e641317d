"""A fake of AIPerf: it checks its configuration, sends the requests, and writes results as AIPerf 0.13 does.

GENERATOR_FAULT is the name of a fault: crash (no result), hang (until it is stopped).
"""

import json
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

KEYS = {"models", "endpoint", "datasets", "phases", "tokenizer", "gpu_telemetry", "server_metrics"}
KEYS |= {"artifacts", "runtime"}
OF_ENDPOINT = {"urls", "path", "type", "headers", "streaming", "use_server_token_count", "timeout", "extra"}
OF_PHASE = {"name", "kind", "type", "concurrency", "requests", "exclude_from_results"}


def main() -> int:
    """Run the plan in the file after --config."""
    assert sys.argv[1:3] == ["profile", "--config"], sys.argv
    plan = json.loads(Path(sys.argv[3]).read_text())["benchmark"]
    endpoint, records = plan["endpoint"], plan["datasets"][0]["records"]
    assert set(plan) == KEYS and set(endpoint) - {"api_key"} == OF_ENDPOINT, plan
    assert all(set(phase) <= OF_PHASE for phase in plan["phases"]), plan["phases"]
    vocabulary = json.loads((Path(plan["tokenizer"]["name"]) / "tokenizer.json").read_text())["model"][
        "vocab"
    ]
    assert all(word in vocabulary for record in records for word in record["text"].split())
    Path("pid").write_text(str(os.getpid()))
    if fault := os.environ.get("GENERATOR_FAULT", ""):
        print(f"fake: {fault}", flush=True)
        time.sleep(600 if fault == "hang" else 0)
        return 3
    endpoint["api_key"] = re.sub(r"\$\{(\w+)\}", lambda m: os.environ[m[1]], endpoint.get("api_key", ""))
    folder = Path(plan["artifacts"]["dir"])
    for phase in plan["phases"]:
        measured, seconds = run(endpoint, records, phase)
    with (folder / "profile_export.jsonl").open("w") as file:
        file.writelines(json.dumps({"metrics": {}, "error": item.get("error")}) + "\n" for item in measured)
    good = [item for item in measured if "error" not in item]
    if not good:
        print("All inference request(s) failed")
        return 1
    (folder / "profile_export_aiperf.json").write_text(json.dumps(document(measured, good, seconds)))
    return 0


def run(
    endpoint: dict[str, Any], records: list[dict[str, Any]], phase: dict[str, Any]
) -> tuple[list[dict[str, Any]], float]:
    """Return the times of the requests of a phase, and its seconds."""
    started, found, numbers = time.perf_counter(), list[dict[str, Any]](), iter(range(phase["requests"]))
    lock = threading.Lock()

    def client() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            found.append(send(endpoint, records[number % len(records)]))

    threads = [threading.Thread(target=client) for _ in range(phase["concurrency"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found, time.perf_counter() - started


def send(endpoint: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Return the times of a streamed request in milliseconds, and its tokens as the server counts them."""
    asked: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    chat = {"messages": [{"role": "user", "content": record["text"]}]}
    asked |= chat if endpoint["type"] == "chat" else {"prompt": record["text"]}
    body = json.dumps({**asked, "max_completion_tokens": record["output_length"], **endpoint["extra"]})
    headers = {**endpoint["headers"], "Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {endpoint['api_key']}"} if endpoint["api_key"] else {}
    request = urllib.request.Request(f"{endpoint['urls'][0]}{endpoint['path']}", body.encode(), headers)
    started, times, usage = time.perf_counter(), list[float](), dict[str, int]()
    try:
        with urllib.request.urlopen(request) as response:
            for line in response:
                if line.startswith(b"data: {"):
                    event = json.loads(line.removeprefix(b"data: "))
                    usage = event.get("usage") or usage
                    choice = (event.get("choices") or [{}])[0]
                    if choice.get("text") or (choice.get("delta") or {}).get("content"):
                        times.append((time.perf_counter() - started) * 1000)
    except urllib.error.HTTPError as error:
        message = error.read().decode()
        return {"error": {"code": error.code, "type": error.reason, "message": message}}
    first, last, count = times[0], times[-1], usage.get("completion_tokens", len(times))
    between = (last - first) / max(1, count - 1)
    return {"first": first, "latency": last, "between": between, "tokens": count, **usage}


def document(measured: list[dict[str, Any]], good: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Return the result."""

    def metric(name: str) -> dict[str, float]:
        values = sorted(item.get(name, 0) for item in good)
        ranks = {
            f"p{share}": values[min(len(values) - 1, len(values) * share // 100)] for share in (50, 90, 99)
        }
        return {"avg": sum(values) / len(values), **ranks}

    errors = [item["error"] for item in measured if "error" in item]
    return {
        "request_count": {"avg": float(len(good))},
        "request_throughput": {"avg": len(good) / seconds},
        "output_token_throughput": {"avg": sum(item["tokens"] for item in good) / seconds},
        "request_latency": metric("latency"),
        "time_to_first_token": metric("first"),
        "inter_token_latency": metric("between"),
        "usage_prompt_tokens": metric("prompt_tokens"),
        "error_summary": [{"error_details": error, "count": 1} for error in errors],
    }


if __name__ == "__main__":
    raise SystemExit(main())
