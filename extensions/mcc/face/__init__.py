"""What Copier, the command line and MCP clients call."""
