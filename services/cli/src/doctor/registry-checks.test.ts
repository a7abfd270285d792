/** A registry that is misconfigured, as a server of our own; the real one is asked in test/integration. */
import { createServer, type IncomingMessage } from "node:http";
import { text as bodyOf } from "node:stream/consumers";
import { MESSAGE_TYPES } from "@busbar/events";
import { schemaOf, subjectOf } from "@busbar/events/codec";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkRegistry } from "./registry-checks.ts";

const SUBJECTS = MESSAGE_TYPES.map((type) => subjectOf(schemaOf(type)));

interface Registry {
  readonly subjects: readonly string[];
  /** Subjects under which another schema stands, and whether ours could follow it. */
  readonly others: Readonly<Record<string, boolean>>;
  readonly status?: number;
}

async function serve({ subjects, others, status = 200 }: Registry): Promise<string> {
  const answer = async (request: IncomingMessage): Promise<readonly [number, unknown]> => {
    await bodyOf(request);
    const path = decodeURIComponent(request.url ?? "");
    if (path === "/subjects") return [status, subjects];
    const compatibility = /^\/compatibility\/subjects\/(.+)\/versions\/latest$/.exec(path)?.[1];
    if (compatibility !== undefined) return [200, { is_compatible: others[compatibility] ?? true }];
    const subject = path.slice("/subjects/".length);
    return others[subject] === undefined ? [200, { id: 1 }] : [404, { error_code: 40403 }];
  };
  const server = createServer((request, response) => {
    void answer(request).then(([code, body]) => response.writeHead(code).end(JSON.stringify(body)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise((done) => server.close(() => done())));
  return `http://127.0.0.1:${(server.address() as { readonly port: number }).port}`;
}

describe("a schema registry", () => {
  it("that has every schema is right, and so is none at all", async () => {
    const url = await serve({ subjects: SUBJECTS, others: {} });
    expect(await checkRegistry(url)).toMatchObject([{ id: "registry", state: "ok" }]);
    expect(await checkRegistry("")).toMatchObject([{ id: "registry", state: "ok" }]);
  });

  it("that does not answer, or not as one, is told [doctor:registry-unreachable]", async () => {
    const found = { id: "registry-unreachable", state: "fail" };
    expect(await checkRegistry("http://127.0.0.1:2")).toMatchObject([
      { ...found, next: "curl -fsS http://127.0.0.1:2/subjects" },
    ]);
    const url = await serve({ subjects: [], others: {}, status: 503 });
    expect(await checkRegistry(url)).toMatchObject([{ ...found, text: "it answers 503" }]);
  });

  it("that lacks schemas, or an addition to one, is told [doctor:schemas-missing]", async () => {
    const [first = "", second = "", ...rest] = SUBJECTS;
    const url = await serve({ subjects: [second, ...rest], others: { [second]: true } });
    expect(await checkRegistry(url)).toMatchObject([
      { id: "schemas-missing", text: `2 are not there: ${first}, ${second}`, next: "npx busbar schemas push" },
    ]);
  });

  it("that has an incompatible schema under a name of ours is told [doctor:schemas-incompatible]", async () => {
    const [first = ""] = SUBJECTS;
    const url = await serve({ subjects: SUBJECTS, others: { [first]: false } });
    expect(await checkRegistry(url)).toMatchObject([
      {
        id: "schemas-incompatible",
        subject: first,
        state: "fail",
        next: `curl -X DELETE '${url}/subjects/${first}' && npx busbar schemas push`,
      },
    ]);
  });
});
