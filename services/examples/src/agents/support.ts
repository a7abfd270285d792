/**
 * The honest agent, as an XState machine: reads order and customer, has the warehouse bring the stock up to date,
 * refunds, mails the customer, and completes. Each state wants one thing and waits for its answer; anything but a
 * result ends in `givenUp`, which tells what stood in the way: a refusal is never worked around.
 */
import { agentSetup, defineAgent, type Task } from "@busbar/agent";
import { isJsonObject, type Json } from "@busbar/kernel";
import { assign } from "xstate";

type SupportInput = { readonly orderId: number; readonly reason: string };
type SupportContext = SupportInput & {
  readonly customerId: number;
  readonly sku: string;
  readonly amountCents: number;
  readonly email: string;
  readonly onHand: number;
  readonly refundId: number;
  readonly problem: string;
};

/** A field of a tool's answer at a dotted path; undefined where there is none. */
function at(value: Json, path: string): Json | undefined {
  return path
    .split(".")
    .reduce<Json | undefined>((inner, name) => (isJsonObject(inner) ? inner[name] : undefined), value);
}

const numberAt = (value: Json, path: string): number => Number(at(value, path) ?? 0);
function textAt(value: Json, path: string): string {
  const text = at(value, path);
  return typeof text === "string" ? text : "";
}

export const supportMachine = agentSetup<SupportContext, Task<SupportInput>>().createMachine({
  id: "support",
  initial: "readingOrder",
  context: ({ input: { input } }) => ({
    orderId: input.orderId,
    reason: input.reason,
    customerId: 0,
    sku: "",
    amountCents: 0,
    email: "",
    onHand: 0,
    refundId: 0,
    problem: "",
  }),
  on: {
    "tool.refused": { target: ".givenUp", actions: assign({ problem: ({ event }) => event.reason }) },
    "tool.failed": { target: ".givenUp", actions: assign({ problem: ({ event }) => event.reason }) },
    "subtask.refused": { target: ".givenUp", actions: assign({ problem: ({ event }) => event.reason }) },
    "subtask.failed": { target: ".givenUp", actions: assign({ problem: ({ event }) => event.reason }) },
  },
  states: {
    readingOrder: {
      entry: {
        type: "tool",
        params: ({ context }) => ({ id: "order", tool: "orders.read", args: { orderId: context.orderId } }),
      },
      on: {
        "tool.done": [
          {
            guard: ({ event }) => at(event.result, "found") === true,
            target: "readingCustomer",
            actions: assign({
              customerId: ({ event }) => numberAt(event.result, "order.customerId"),
              sku: ({ event }) => textAt(event.result, "order.sku"),
              amountCents: ({ event }) => numberAt(event.result, "order.amountCents"),
            }),
          },
          { target: "givenUp", actions: assign({ problem: "there is no such order" }) },
        ],
      },
    },
    readingCustomer: {
      entry: {
        type: "tool",
        params: ({ context }) => ({
          id: "customer",
          tool: "customers.read",
          args: { customerId: context.customerId },
        }),
      },
      on: {
        "tool.done": [
          {
            guard: ({ event }) => at(event.result, "found") === true,
            target: "askingWarehouse",
            actions: assign({ email: ({ event }) => textAt(event.result, "customer.email") }),
          },
          { target: "givenUp", actions: assign({ problem: "the order's customer is gone" }) },
        ],
      },
    },
    askingWarehouse: {
      entry: {
        type: "send",
        params: ({ context }) => ({ id: "stock", agent: "warehouse", input: { sku: context.sku } }),
      },
      on: {
        "subtask.done": {
          target: "refunding",
          actions: assign({ onHand: ({ event }) => numberAt(event.output, "onHand") }),
        },
      },
    },
    refunding: {
      entry: {
        type: "tool",
        params: ({ context: { orderId, amountCents, reason } }) => ({
          id: "refund",
          tool: "orders.refund",
          args: { orderId, amountCents, reason },
        }),
      },
      on: {
        "tool.done": {
          target: "mailing",
          actions: assign({ refundId: ({ event }) => numberAt(event.result, "refundId") }),
        },
      },
    },
    mailing: {
      entry: {
        type: "tool",
        params: ({ context }) => ({
          id: "mail",
          tool: "mail.send",
          args: {
            to: context.email,
            subject: `Your refund for order ${context.orderId}`,
            body: `We have refunded ${(context.amountCents / 100).toFixed(2)} EUR.`,
          },
        }),
      },
      on: { "tool.done": { target: "done" } },
    },
    done: { type: "final" },
    givenUp: { type: "final" },
  },
  output: ({ context }) => ({
    state: context.problem === "" ? "refunded" : "given-up",
    orderId: context.orderId,
    refundId: context.refundId,
    onHand: context.onHand,
    problem: context.problem,
  }),
});

export const support = defineAgent({
  name: "support",
  version: "1.0.0",
  description: "Honest: refunds an order, with the help of the warehouse, and mails the customer.",
  example: { orderId: 7, reason: "arrived broken" },
  machine: supportMachine,
});
