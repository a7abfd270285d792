import { initialPartitionState, type PartitionState } from "@busbar/policy";
import { expect, it } from "vitest";
import { answerText } from "../commands/handoffs.ts";
import { foldApprovals } from "./approvals.ts";
import { foldHandOffs } from "./handoffs.ts";

const approval = (expiresAtMs: number, granted = "") => ({
  requested: "7",
  rule: "approve",
  reason: "every call of mail.send is approved",
  evidence: ["busbar.events/0/3"],
  expiresAtMs,
  toolDigest: "",
  subject: "",
  granted,
});
const call = (status: string, more: object = {}) => ({
  step: 1,
  kind: "tool",
  name: "mail.send",
  status,
  argsHash: "d1",
  args: "{}",
  aside: null,
  effectClass: "write",
  effectKey: "k",
  approval: null,
  ...more,
});

it("what waits for a person is listed with arguments, digest, rule, what is in doubt, evidence and deadline; what ends first stands first [approvals:shown]", () => {
  const calls = {
    "c:1": call("held", { approval: approval(900) }),
    "c:2": call("held", { approval: approval(500, "busbar.events/0/9") }),
    "c:3": call("open"),
    "c:4": call("answered"),
  };
  const chains = { c: { chainId: "c", agent: "a", calls } } as unknown as PartitionState["chains"];
  const rows = foldApprovals([initialPartitionState(0), { ...initialPartitionState(1), chains }]);
  expect(rows.map(({ callId, state, partition }) => [callId, state, partition])).toEqual([
    ["c:2", "approved", 1],
    ["c:1", "waits", 1],
  ]);
  expect(rows[1]).toEqual({
    callId: "c:1",
    chainId: "c",
    agent: "a",
    partition: 1,
    tool: "mail.send",
    effectClass: "write",
    state: "waits",
    args: "{}",
    aside: null,
    argsHash: "d1",
    effectKey: "k",
    rule: "approve",
    requested: "7",
    expiresAtMs: 900,
    reason: "every call of mail.send is approved",
    evidence: ["busbar.events/0/3"],
  });
});

it("what people own is listed with question, rule, evidence, positions and who has taken it; the oldest first [handoffs:taken]", () => {
  const handOff = (atMs: number, takenBy: string) => ({ rule: "", evidence: [], context: "e/0/1..9", takenBy, atMs });
  const asked = (atMs: number, takenBy = "") =>
    call("open", {
      kind: "handoff",
      name: "person",
      args: "20 or 30?",
      admitted: "9",
      handOff: handOff(atMs, takenBy),
    });
  const calls = { "c:1": asked(20), "c:2": asked(10, "operator:ann"), "c:3": call("open", { handOff: null }) };
  const chains = { c: { chainId: "c", agent: "a", status: "halted", halted: { fence: "7" }, calls } };
  const rows = foldHandOffs([{ ...initialPartitionState(0), chains: chains as unknown as PartitionState["chains"] }]);
  expect(rows.map(({ callId, takenBy, fence, question }) => [callId, takenBy, fence, question])).toEqual([
    ["c:2", "operator:ann", "7", "20 or 30?"],
    ["c:1", "", "7", "20 or 30?"],
  ]);
});

it("an answer is JSON as it is given, and any other text a text [handoffs:answered]", () => {
  expect(["20", '{"a":1}', "roll it back", '"x"'].map(answerText)).toEqual(["20", '{"a":1}', '"roll it back"', '"x"']);
});
