"""Where defaults come from: environment, configuration file, MCP servers, git history."""
