import { describe, expect, it } from "vitest";
import { applyDeployment, type Deployments, previousVersion, VERSIONS_KEPT } from "./deployments.ts";

type Order = readonly [kind: string, body: Record<string, string | number | boolean>];

const fold = (...orders: readonly Order[]): Deployments =>
  orders.reduce<Deployments>(
    (found, [kind, body], at) => applyDeployment(found, { kind, offset: String(at) }, { agent: "a", ...body }),
    {},
  );

const deployed = (version: string, codeDigest = `code-${version}`, instances = 2): Order => [
  "AgentDeployed",
  { version, codeDigest, policyHash: `policy of ${codeDigest}`, instances },
];
const promoted = (version: string): Order => ["AgentPromoted", { version }];
const rolledBack = (version: string, to: string): Order => ["AgentRolledBack", { version, to, reason: "bad" }];

describe("deployments of an agent", () => {
  it("a version takes new tasks from its promotion on, not before [deploy:order-is-a-record]", () => {
    expect(fold(deployed("1"))["a"]).toMatchObject({ current: "", candidate: "1", isClosed: false, instances: 2 });
    expect(fold(deployed("1"), promoted("1"))["a"]).toMatchObject({ current: "1", candidate: "", promoted: ["1"] });
    expect(fold(deployed("1"), promoted("1"), deployed("2"))["a"]?.current).toBe("1");
  });

  it("orders about what was never deployed change nothing [deploy:order-is-a-record]", () => {
    expect(fold(promoted("1"), ["AgentUndeployed", { version: "", force: true }])).toEqual({});
    expect(fold(deployed("1"), promoted("2"))["a"]?.current).toBe("");
  });

  it("the same version with other code changes nothing [deploy:code-digest]", () => {
    const before = fold(deployed("1"), promoted("1"));
    const again = fold(deployed("1"), promoted("1"), deployed("1", "other", 7));
    expect(again).toEqual(before);
  });

  it("a rollback makes the named version current, and the one that failed is no target [deploy:rollback]", () => {
    const two = [deployed("1"), promoted("1"), deployed("2"), promoted("2")];
    const back = fold(...two, rolledBack("2", "1"))["a"];
    expect(back).toMatchObject({ current: "1", versions: { "2": { failed: "bad" } } });
    expect(back === undefined ? "?" : previousVersion(back)).toBe("");
    const ready = fold(...two)["a"];
    expect(ready === undefined ? "?" : previousVersion(ready)).toBe("1");
  });

  it("a rollback of a version that was never promoted leaves the current one [deploy:rollback]", () => {
    const found = fold(deployed("1"), promoted("1"), deployed("2"), rolledBack("2", "1"))["a"];
    expect(found).toMatchObject({ current: "1", versions: { "2": { failed: "bad", isPromoted: false } } });
  });

  it("a rollback to nothing known changes nothing [deploy:rollback]", () => {
    const before = fold(deployed("1"), promoted("1"));
    expect(fold(deployed("1"), promoted("1"), rolledBack("1", "7"))).toEqual(before);
    expect(fold(deployed("1"), promoted("1"), rolledBack("1", ""))).toEqual(before);
  });

  it("a failed version that is deployed again may be promoted again [deploy:rollback]", () => {
    const found = fold(deployed("1"), promoted("1"), deployed("2"), rolledBack("2", "1"), deployed("2"), promoted("2"));
    expect(found["a"]).toMatchObject({ current: "2", versions: { "2": { failed: "" } } });
  });

  it("remembers a bounded number of versions, the current one among them [deploy:order-is-a-record]", () => {
    const many = Array.from({ length: VERSIONS_KEPT + 10 }, (_, at) => deployed(`v${at + 1}`));
    const found = fold(deployed("v0"), promoted("v0"), ...many)["a"];
    expect(Object.keys(found?.versions ?? {})).toHaveLength(VERSIONS_KEPT);
    expect(found?.versions["v0"]).toBeDefined();
    expect(found?.versions["v1"]).toBeUndefined();
  });
});
