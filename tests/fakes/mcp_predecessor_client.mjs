// Calls an MCP server like the client of the predecessor: COMMAND, its arguments as JSON, the answers as JSON.
import { McpClient } from "./package/src/lib/mcp-client.js";

const [command, args, given] = process.argv.slice(2);
const known = Object.entries(JSON.parse(given)).map(([name, value]) => [name, { valueSpace: "bounded", default: value }]);
const asked = ["instanceType", "awsRegion", "baseImage"].map((name) => [name, { valueSpace: "unbounded", mcp: true }]);
const parameterMatrix = Object.fromEntries([...known, ...asked]);
const client = new McpClient({ command, args: JSON.parse(args), limit: 2 }, { parameterMatrix });
const result = await client.query();
console.log(JSON.stringify({ result, said: client.getDiagnosticMessage() }));
await client.close();
