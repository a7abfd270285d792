/** The tools of this project. An agent asks for one by its name; only the gateway runs the function. */
import { appendFile } from "node:fs/promises";
import { defineTool } from "@busbar/agent";

const sign = defineTool<{ readonly name: string }>({
  name: "guestbook.sign",
  description: "Writes a name into the guest book.",
  effect: "write",
  args: {
    type: "object",
    properties: { name: { type: "string", minLength: 1, maxLength: 100 } },
    required: ["name"],
    additionalProperties: false,
  },
  timeoutMs: 2000,
  async run({ name }) {
    await appendFile(process.env["GUESTBOOK"] ?? "guestbook.txt", `${name}\n`);
    return { signed: name };
  },
});

export const tools = [sign];
