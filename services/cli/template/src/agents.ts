/** The agents of this project: each exported in `agents` and listed in busbar.yaml. */
import { defineAgent } from "@busbar/agent";

const hello = defineAgent<{ readonly name: string }>({
  name: "hello",
  version: "1.0.0",
  example: { name: "world" },
  async handler(task, ctx) {
    const { name } = task.input;
    await ctx.tool("guestbook.sign", { name });
    return { greeting: `hello, ${name}` };
  },
});

export const agents = [hello];
