"""Offers sizing and the catalog to any MCP client, over stdin and stdout: `python extensions/mcp_server.py`.

Wants the official SDK (`python -m pip install mcp`), which nothing else of this template needs.
"""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

Tool = Callable[..., dict[str, Any]]


def main() -> int:
    """Serve until the client leaves; return 1 when a package is missing."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # started by its path
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError

        from extensions.mcc.errors.errors import MccError
        from extensions.mcc.face import mcp_tools
    except ImportError as error:
        install = "python -m pip install --upgrade mcp pyyaml huggingface_hub"
        print(f"A package is missing or too old ({error}). Run: {install}", file=sys.stderr)
        return 1

    def told_to_the_client(tool: Tool) -> Tool:
        @wraps(tool)
        def wrapper(*args: Any, **kwargs: Any) -> dict[str, Any]:
            try:
                return tool(*args, **kwargs)
            except MccError as error:
                raise ToolError(str(error)) from None

        return wrapper

    server = MCPServer("ml-container-creator", log_level="WARNING")
    for tool in mcp_tools.TOOLS:
        server.add_tool(told_to_the_client(tool))
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
