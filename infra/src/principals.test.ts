import { describe, expect, it } from "vitest";
import { accessOf, principalsOf, rulesOf, userOf } from "./principals.ts";

const allowed = (principal: Parameters<typeof rulesOf>[1], operation: string): string[] =>
  rulesOf("p", principal)
    .filter((rule) => rule.operation === operation)
    .map(({ resource, name, prefixed }) => `${resource} ${name}${prefixed === true ? "*" : ""}`)
    .toSorted();

/** Written from the promise, not from the table: a change of the table has to be a change here. */
describe("what a principal may do on the broker", () => {
  it("an agent: commands and signs of life written, its own inbox and the directives read [security:one-principal-per-agent]", () => {
    expect(allowed("agent:a", "write")).toEqual(["topic p.blobs", "topic p.commands", "topic p.heartbeats"]);
    expect(allowed("agent:a", "read")).toEqual([
      "group p.agent.a",
      "group p.agent.a@*",
      "topic p.blobs",
      "topic p.directives",
      "topic p.inbox.a",
    ]);
  });

  it("only gateways write events and inboxes, agents what is too large for a command; only a person writes control [security:deny-by-default]", () => {
    const writersOf = (topic: string): string[] =>
      [...principalsOf(["a"], ["c"]), "registry" as const].filter((one) => accessOf(one).writes.includes(topic));
    for (const topic of ["events", "inbox.*"]) expect(writersOf(topic)).toEqual(["gateway"]);
    expect(writersOf("blobs")).toEqual(["gateway", "agent:a"]);
    expect(writersOf("control")).toEqual(["operator"]);
    expect(writersOf("directives")).toEqual(["gateway", "supervisor", "operator"]);
  });

  it("a client writes commands and reads events, an operator reads all [security:one-principal-per-agent]", () => {
    expect([allowed("client:c", "write"), allowed("client:c", "read")]).toEqual([
      ["topic p.commands"],
      ["topic p.events"],
    ]);
    expect(allowed("operator", "read")).toEqual(["topic p.*"]);
    expect(allowed("operator", "write")).toEqual(["topic p.commands", "topic p.control", "topic p.directives"]);
  });

  it("nobody creates a topic but the registry its own, and nobody has a transactional id [append:one-in-flight]", () => {
    for (const one of principalsOf(["a"], ["c"])) expect(allowed(one, "create")).toEqual([]);
    expect(allowed("registry", "create").every((name) => !name.includes("p."))).toBe(true);
    const resources = principalsOf(["a"], ["c"]).flatMap((one) => rulesOf("p", one).map(({ resource }) => resource));
    expect(new Set(resources)).toEqual(new Set(["topic", "group", "cluster"]));
  });

  it("each name is one user, and two buses on one broker have different ones [security:one-principal-per-agent]", () => {
    const users = principalsOf(["a", "b", "a"], ["a"]).map((one) => userOf("p", one));
    expect(users).toEqual(["p.gateway", "p.supervisor", "p.operator", "p.agent.a", "p.agent.b", "p.client.a"]);
    expect(userOf("q", "gateway")).toBe("q.gateway");
  });
});
