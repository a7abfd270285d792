/** The bench's agent: one read, two writes, each after the answer of the one before; then its output. */
import { defineAgent } from "@busbar/agent";

export interface ClerkInput {
  readonly order: string;
  readonly sku: string;
}

export interface ClerkOutput {
  readonly order: string;
  readonly reserved: number;
  readonly noted: number;
}

const clerk = defineAgent<ClerkInput, ClerkOutput>({
  name: "clerk",
  version: "1.0.0",
  async handler({ input: { order, sku } }, ctx) {
    const { available } = await ctx.tool<{ available: number }>("stock.read", { sku });
    const { reserved } = await ctx.tool<{ reserved: number }>("stock.reserve", { order, sku, quantity: 1 });
    const text = `${reserved} of ${available} pieces of ${sku} are reserved`;
    const { length } = await ctx.tool<{ length: number }>("note.write", { order, text });
    return { order, reserved, noted: length };
  },
});

export const agents = [clerk] as const;
