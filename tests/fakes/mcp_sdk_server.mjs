// An MCP server on the official TypeScript SDK, with the tool as structured content and as text.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

const server = new McpServer({ name: "typescript-sdk", version: "1.0.0" });
const inputSchema = {
  parameters: z.array(z.string()),
  limit: z.number().int().positive(),
  context: z.record(z.string(), z.any()),
};
const outputSchema = { values: z.record(z.string(), z.any()), choices: z.record(z.string(), z.any()) };

function answer({ parameters, limit, context }) {
  const values = parameters.includes("region") ? { region: context.region ?? "eu-west-1" } : {};
  return { values, choices: { region: ["eu-west-1", "eu-west-3", "eu-north-1"].slice(0, limit) } };
}

server.registerTool("get_ml_config", { description: "Gives a region.", inputSchema, outputSchema }, async (asked) => {
  const found = answer(asked);
  return { structuredContent: found, content: [{ type: "text", text: JSON.stringify(found) }] };
});
server.registerTool("as_text", { description: "Gives a region as text.", inputSchema }, async (asked) => ({
  content: [{ type: "text", text: JSON.stringify(answer(asked)) }],
}));

await server.connect(new StdioServerTransport());
