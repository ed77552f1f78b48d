import { createInterface } from "node:readline"
const tool = {
  name: "lookup",
  description: "Looks a ticket up",
  inputSchema: { type: "object", properties: { id: { type: "number" } }, required: ["id"] },
}
const answers = {
  initialize: (p) => ({
    protocolVersion: p.protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "tickets", version: "1" },
  }),
  ping: () => ({}),
  "tools/list": () => ({ tools: [tool] }),
  "tools/call": (p) => ({ content: [{ type: "text", text: `ticket ${p.arguments.id} is open` }] }),
}
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  const answer = answers[method]
  const body = answer ? { result: answer(params ?? {}) } : { error: { code: -32601, message: "no such method" } }
  process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, ...body }) + "\n")
})
