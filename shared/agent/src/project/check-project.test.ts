import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkProject, closest } from "./check-project.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-check-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

writeFileSync(
  join(folder, "shop.ts"),
  `export const tools = [{ name: "orders.read", effect: "read" }, { name: "orders.refund", effect: "write" }];
   export const models = [{ name: "gpt" }];
   export const agents = [{ name: "clerk" }, { name: "stray" }];`,
);

const faults = async (text: string): Promise<readonly string[]> =>
  (await checkProject(join(folder, "busbar.yaml"), text)).map(
    ({ line, column, reason }) => `${line}:${column} ${reason}`,
  );

describe("the check of a project", () => {
  it("tells a cap on a tool that nobody has [cli:policy-check]", async () => {
    const text = [
      "version: 1",
      "modules: { tools: [./shop.ts] }",
      "agents:",
      "  clerk: { perTool: { orders.reed: { concurrency: 1 }, orders.refund: { concurrency: 1 } } }",
    ].join("\n");
    expect(await faults(text)).toEqual([
      "4:23 agents.clerk.perTool.orders.reed: there is no tool orders.reed; is orders.read meant?",
    ]);
  });

  it("tells a declared claim that can never be filled in, at its place [evidence:declared]", async () => {
    const text = [
      "version: 1",
      "modules: { tools: [./shop.ts] }",
      "tools:",
      "  orders.read:",
      "    person: true",
      "    trust: untrusted",
      "    claims:",
      "      - { subject: 'order:{$result.id}', value: $result, source: orders }",
      "      - { subject: order, value: $item, source: orders }",
      "agents: {}",
    ].join("\n");
    expect(await faults(text)).toEqual([
      "5:5 tools.orders.read.person: what the person says is not untrusted: take one of them out",
      "9:9 tools.orders.read.claims.1: $item stands only beside each",
    ]);
  });

  it("tells a check that can never be evaluated, at the character, with the names that there are [evidence:checks-faults]", async () => {
    const text = [
      "version: 1",
      "modules: { tools: [./shop.ts], models: [./shop.ts] }",
      "tools:",
      "  orders.refund:",
      "    checks:",
      "      - { name: most, require: args.cents <= clams.n, reason: no }",
      "      - { name: form, require: \"args.id.matches('(a+)+')\", reason: no }",
      "models:",
      "  gpt: { resultChecks: [{ name: short, require: size(result), reason: no }] }",
      "agents:",
      "  clerk: { answerChecks: [{ name: asks, require: args.n == 1, reason: no }] }",
    ].join("\n");
    expect(await faults(text)).toEqual([
      "6:46 tools.orders.refund.checks.0.require: Unknown variable: clams; there are args, task, claims, said, calls, now",
      "7:33 tools.orders.refund.checks.1.require: matches: a group is repeated: write its text out",
      "9:49 models.gpt.resultChecks.0.require: it says int and not true or false",
      "11:50 agents.clerk.answerChecks.0.require: Unknown variable: args; there are result, task, claims, said, calls, now",
    ]);
  });

  it("tells of an authority that is no read with claims, and of a quorum that cannot be [evidence:declared]", async () => {
    const text = [
      "version: 1",
      "modules: { tools: [./shop.ts] }",
      "tools:",
      "  orders.read: { claims: [{ subject: 'order:{$result.id}', value: $result, source: orders }] }",
      "authorities:",
      "  order:{id}: { tool: orders.refund }",
      "  stock:{id}: { tool: orders.read, resolve: quorum, k: 3 }",
      "  fare:{id}: { tool: orders.read, args: { id: $args.id } }",
      "agents: {}",
    ].join("\n");
    expect(await faults(text)).toEqual([
      "6:3 authorities.order:{id}: orders.refund is no tool with effect read that declares claims",
      "7:3 authorities.stock:{id}: 3 sources cannot agree where there are 2",
    ]);
  });

  it("tells judges that are not independent, or that can never judge, with line and column [quorum:independent]", async () => {
    const text = [
      "version: 1",
      "agents:",
      "  clerk: { models: [gpt] }",
      "models:",
      "  gpt: { kind: openai, model: m1, baseUrl: 'http://one.example/v1' }",
      "  other: { kind: openai, model: m2, baseUrl: 'http://one.example/v1' }",
      "quorum:",
      "  agree: 3",
      "  judges:",
      "    - { name: second, kind: model, model: other, question: Is it right }",
      "    - { name: bound, kind: rule, require: arg.n < 3 }",
    ].join("\n");
    expect(await faults(text)).toEqual([
      "9:3 quorum.judges: agree: 3 of 2 judges can never agree",
      expect.stringMatching(/^9:3 quorum\.judges: judge second is not independent: agent clerk asks endpoint http/u),
      expect.stringMatching(/^11:\d+ quorum\.judges\.1\.require: Unknown variable: arg/u),
    ]);
  });

  it("tells every fault of the text with line and column [cli:policy-check]", async () => {
    const text = [
      "version: 2",
      "agents:",
      "  clerk: { tools: yes-please }",
      "  9lives: {}",
      "rules: { consecutiveErrors: -1 }",
      "limit: 3",
    ].join("\n");
    expect(await faults(text)).toEqual([
      "1:1 version must be equal to constant",
      "3:12 agents.clerk.tools must be array",
      "4:3 agents property name must be valid",
      "5:10 rules.consecutiveErrors must be >= 0",
      "6:1 the file must NOT have additional properties (limit)",
    ]);
    expect(await faults("version: 1\nagents: {}\nagents: {}\nversion: 1\n")).toEqual([
      "3:1 Map keys must be unique",
      "4:1 Map keys must be unique",
    ]);
  });

  it("tells every name that nothing answers to, and what is meant [cli:policy-check]", async () => {
    const text = [
      "version: 1",
      "modules: { tools: [./shop.ts], models: [./shop.ts], agents: [./shop.ts] }",
      "tools:",
      "  orders.reed: { attempts: 2 }",
      "agents:",
      "  clerk:",
      '    tools: [orders.read, orders.refnd, "*"]',
      "    sends: [nobody]",
      "    models: [gpt, gtp]",
      "statements:",
      "  stock: { tool: orders.refund, refutedWhen: { path: found, equals: true } }",
    ].join("\n");
    expect(await faults(text)).toEqual([
      "4:3 tools.orders.reed: there is no tool orders.reed; is orders.read meant?",
      "5:1 agents: stray is exported by a module and not listed",
      "7:26 agents.clerk.tools.1: there is no tool orders.refnd; is orders.refund meant?",
      "8:13 agents.clerk.sends.0: there is no agent nobody",
      "9:19 agents.clerk.models.1: there is no model gtp; is gpt meant?",
      "11:12 statements.stock: orders.refund is no tool with effect read",
    ]);
  });

  it("tells each module that cannot be loaded, and asks nothing that it might have answered [cli:policy-check]", async () => {
    const text = [
      "version: 1",
      "modules:",
      "  tools:",
      "    - ./absent.ts",
      "    - ./shop.ts",
      "agents:",
      "  clerk: { tools: [anything], sends: [nobody] }",
    ].join("\n");
    const found = await faults(text);
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^4:7 .*absent\.ts cannot be loaded/);
    expect(found[1]).toBe("7:39 agents.clerk.sends.0: there is no agent nobody");
  });

  it("finds nothing wrong with a right one [cli:policy-check]", async () => {
    const modules = "modules: { tools: [./shop.ts], agents: [./shop.ts] }";
    expect(await faults(`version: 1\n${modules}\nagents:\n  clerk: { tools: [orders.read] }\n  stray: {}\n`)).toEqual(
      [],
    );
  });

  it("tells of a read-back by what is no read [cli:policy-check]", async () => {
    const common =
      'description: d, args: { type: object }, timeoutMs: 1000, http: { method: POST, url: "https://x/y" }';
    const readBack = "readBack: { tool: pay.look, args: {}, expect: { paid: true } }";
    const text = `version: 1\nhttpTools:\n  pay: { effect: write, ${common}, ${readBack} }\nagents: { clerk: {} }\n`;
    expect(await faults(text)).toEqual(["3:3 pay: its readBack names pay.look, which is no tool with effect read"]);
  });

  it("guesses only what is close", () => {
    expect([closest("sql.raed", ["sql.read", "mail"]), closest("x", ["sql.read"]), closest("a", [])]).toEqual([
      "sql.read",
      null,
      null,
    ]);
  });
});
