/** The agent of the guide: writes down what it is told, unless it is there already. */
import { defineAgent } from "@busbar/agent";

type Notes = { readonly notes: readonly string[] };

const secretary = defineAgent<{ readonly text: string }>({
  name: "secretary",
  version: "1.0.0",
  example: { text: "buy milk" },
  async handler(task, ctx) {
    const { text } = task.input;
    const before = await ctx.tool<Notes>("notes.list", {});
    if (before.notes.includes(text)) return { written: false, notes: before.notes.length };
    await ctx.tool("notes.add", { text });
    return { written: true, notes: before.notes.length + 1 };
  },
});

export const agents = [secretary];
