"""Functions for Copier, the command line and MCP clients."""
