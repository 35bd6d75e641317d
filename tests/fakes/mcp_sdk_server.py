"""An MCP server on the official Python SDK, with the tool as structured content and as text."""

import json
from typing import Any

from mcp.server import MCPServer

server = MCPServer("python-sdk")


@server.tool()
def get_ml_config(parameters: list[str], limit: int, context: dict[str, Any]) -> dict[str, Any]:
    """Return an instance type, and for some models a smaller one."""
    types = ["ml.g5.xlarge", "ml.g6.xlarge", "ml.g6e.xlarge"][:limit]
    values = {"instance_type": types[0], "model_name": f"{context.get('model_name')}-small"}
    asked = {name: value for name, value in values.items() if name in parameters}
    return {"values": asked, "choices": {"instance_type": types}}


@server.tool(structured_output=False)
def as_text(parameters: list[str], limit: int, context: dict[str, Any]) -> str:
    """Return the same as text that contains JSON."""
    return json.dumps(get_ml_config(parameters, limit, context))


@server.tool()
def failing(parameters: list[str], limit: int, context: dict[str, Any]) -> str:
    """Fail."""
    raise ValueError("of no use")


if __name__ == "__main__":
    server.run()
