// Calls an MCP server with the official TypeScript SDK: COMMAND, its arguments as JSON, a tool, its arguments as JSON.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [command, args, name, given] = process.argv.slice(2);
const client = new Client({ name: "typescript-sdk", version: "1.0.0" });
await client.connect(new StdioClientTransport({ command, args: JSON.parse(args) }));
const { tools } = await client.listTools();
const result = await client.callTool({ name, arguments: JSON.parse(given) });
console.log(JSON.stringify({ tools: tools.map((tool) => tool.name), result }));
await client.close();
