/**
 * The agents of the fault tests: those of the example shop, one that mixes exact and at-most-once effects, one that fails,
 * one that obeys nobody.
 */
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { defineAgent, isCallError } from "@busbar/agent";
import { looper, support, warehouse } from "@busbar/examples";
import type { Json } from "@busbar/kernel";

export interface CourierInput {
  readonly orderId: number;
  /** Rounds of one note (exact) and one mail (at most once). */
  readonly rounds: number;
}

export interface CourierOutput {
  readonly notes: number;
  readonly mails: number;
  /** Calls that were answered with an error. */
  readonly failed: number;
}

const courier = defineAgent<CourierInput, CourierOutput>({
  name: "courier",
  version: "1.0.0",
  async handler({ input, chainId }, ctx) {
    const output = { notes: 0, mails: 0, failed: 0 };
    const attempt = async (count: "notes" | "mails", call: () => Promise<unknown>): Promise<void> => {
      try {
        await call();
        output[count] += 1;
      } catch (thrown) {
        if (!isCallError(thrown) || thrown.kind !== "failed") throw thrown;
        output.failed += 1;
      }
    };
    const { orderId, rounds } = input;
    for (let n = 0; n < rounds; n += 1) {
      await attempt("notes", () => ctx.tool("orders.annotate", { orderId, n, text: `note ${n} of ${chainId}` }));
      await attempt("mails", () => ctx.tool("mail.send", { to: `${chainId}@example.org`, subject: `${n}`, body: "-" }));
    }
    return output;
  },
});

export interface BookerInput {
  /** One booking each, in this order; true: the tool is told to fail. */
  readonly fails: readonly boolean[];
  /** How long it sleeps before the first booking, ms. */
  readonly sleepMs?: number;
  /** Length of each parcel's label; default: it has none. */
  readonly labelLength?: number;
}

/** Books, takes each failure as it comes, and leaves one note behind before and one after. */
const bookerNamed = (name: string) =>
  defineAgent<BookerInput, { readonly booked: number }>({
    name,
    version: "1.0.0",
    async handler({ input }, ctx) {
      let booked = 0;
      await ctx.tool("orders.annotate", { orderId: 1, n: 0, text: "before" });
      const label = input.labelLength === undefined ? {} : { label: "x".repeat(input.labelLength) };
      if (input.sleepMs !== undefined) await ctx.sleep(input.sleepMs);
      for (const [n, fail] of input.fails.entries()) {
        try {
          await ctx.tool("parcel.book", { n, fail, ...label });
          booked += 1;
        } catch (thrown) {
          if (!isCallError(thrown) || (thrown.kind !== "failed" && thrown.kind !== "refused")) throw thrown;
        }
      }
      await ctx.tool("orders.annotate", { orderId: 1, n: 1, text: "after" });
      return { booked };
    },
  });
const booker = bookerNamed("booker");
/** The same under another name. */
const porter = bookerNamed("porter");

/** Asks for effect after effect, two at a time, never for the same one, and takes no answer for an answer. */
const rebel = defineAgent<{ readonly turns: number }>({
  name: "rebel",
  version: "1.0.0",
  async handler({ input }, ctx) {
    let done = 0;
    const demand = async (n: number): Promise<void> => {
      try {
        await ctx.tool("orders.annotate", { orderId: 2, n, text: "whatever you say" });
        done += 1;
      } catch (thrown) {
        if (!isCallError(thrown)) throw thrown;
      }
    };
    for (let turn = 0; turn < input.turns; turn += 1) await Promise.all([demand(2 * turn), demand(2 * turn + 1)]);
    return { done };
  },
});

export interface AdderInput {
  readonly orderId: number;
  /** A file: nothing is changed before it is there. */
  readonly gate: string;
}

export interface AdderOutput {
  readonly quantity: number;
  /** What a stale change was told: what was read, and what is there now. */
  readonly stale: readonly Json[];
}

/** Reads an order and sets its quantity to one more; where another one was quicker it reads again. */
const adder = defineAgent<AdderInput, AdderOutput>({
  name: "adder",
  version: "1.0.0",
  async handler({ input: { orderId, gate } }, ctx) {
    const stale: Json[] = [];
    for (;;) {
      const { order } = await ctx.tool<{ readonly order: { readonly quantity: number } }>("orders.read", { orderId });
      while (!existsSync(gate)) await delay(20);
      const quantity = order.quantity + 1;
      try {
        await ctx.tool("orders.change", { orderId, quantity });
        return { quantity, stale };
      } catch (thrown) {
        if (!isCallError(thrown) || thrown.code !== "BUSBAR_STALE") throw thrown;
        stale.push(thrown.freshness);
      }
    }
  },
});

/** Says aloud what it has heard: in arguments, to a model, in a statement and in its output. */
const teller = defineAgent<{ readonly heard: string }, { readonly said: string }>({
  name: "teller",
  version: "1.0.0",
  async handler({ input }, ctx) {
    const said = `${input.heard} and ${process.env["BUSBAR_SECRET_CANARY"] ?? "nothing"}`;
    const tries = [
      { fail: false, big: false },
      { fail: false, big: true },
      { fail: true, big: false },
    ];
    for (const one of tries) {
      try {
        await ctx.tool("vault.open", { note: said, ...one });
      } catch (thrown) {
        if (!isCallError(thrown)) throw thrown;
      }
    }
    try {
      await ctx.model("adversary-loop", { messages: [{ role: "user", content: said }] });
    } catch (thrown) {
      if (!isCallError(thrown)) throw thrown;
    }
    return { said };
  },
});

/** Has its work done by another: a sub-task in the hands of the rebel, and an effect of its own beside it. */
const plotter = defineAgent<{ readonly turns: number }>({
  name: "plotter",
  version: "1.0.0",
  async handler({ input }, ctx) {
    const own = async (): Promise<void> => {
      for (let n = 0; n < input.turns; n += 1) {
        await ctx.tool("orders.annotate", { orderId: 3, n, text: "mine" }).catch((thrown: unknown) => {
          if (!isCallError(thrown)) throw thrown;
        });
      }
    };
    const delegated = ctx.send("rebel", { turns: input.turns }).catch((thrown: unknown) => {
      if (!isCallError(thrown)) throw thrown;
    });
    await Promise.all([delegated, own()]);
    return { turns: input.turns };
  },
});

export const agents = [looper, support, warehouse, courier, booker, porter, rebel, teller, plotter, adder] as const;
