/** The schema registry beside our schemas: does it answer, has it all of them, and none of another make. */
import { schemaOf, subjectOf } from "@busbar/events/codec";
import { MESSAGE_TYPES } from "@busbar/events";
import { isJsonObject, reasonOf } from "@busbar/kernel";
import { nextOf } from "./catalog.ts";
import { type Check, fail, ok } from "./check.ts";

const BOUND_MS = 10_000;
const JSON_TYPE = { "content-type": "application/vnd.schemaregistry.v1+json" };
const FEW = 3;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function ask(url: string, path: string, schema?: object): Promise<Answer> {
  const init =
    schema === undefined
      ? {}
      : { method: "POST", headers: JSON_TYPE, body: JSON.stringify({ schema: JSON.stringify(schema) }) };
  const response = await fetch(`${url.replace(/\/$/, "")}${path}`, { ...init, signal: AbortSignal.timeout(BOUND_MS) });
  return { status: response.status, body: await response.json().catch(() => null) };
}

type Standing = "there" | "missing" | "incompatible";

/** How our schema of a subject stands there. */
async function standingOf(url: string, subject: string, schema: object, known: ReadonlySet<string>): Promise<Standing> {
  if (!known.has(subject)) return "missing";
  const found = await ask(url, `/subjects/${encodeURIComponent(subject)}`, schema);
  if (found.status === 200) return "there";
  const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest`;
  const { status, body } = await ask(url, path, schema);
  const isCompatible =
    status === 200 && isJsonObject(body as never) && (body as { is_compatible?: unknown }).is_compatible === true;
  return isCompatible ? "missing" : "incompatible";
}

const few = (names: readonly string[]): string =>
  names.length <= FEW ? names.join(", ") : `${names.slice(0, FEW).join(", ")} and ${names.length - FEW} more`;

/** `url` empty: the bus has none, which is no fault. */
export async function checkRegistry(url: string): Promise<readonly Check[]> {
  if (url === "") return [ok("registry", "none; built-in schema ids are used")];
  let known: ReadonlySet<string>;
  try {
    const { status, body } = await ask(url, "/subjects");
    if (status !== 200 || !Array.isArray(body)) throw new Error(`it answers ${status}`);
    known = new Set(body.map(String));
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : reasonOf(error);
    return [fail("registry-unreachable", url, cause, nextOf("registry-unreachable", { url }))];
  }
  const standings: (readonly [string, Standing])[] = [];
  for (const type of MESSAGE_TYPES) {
    const schema = schemaOf(type);
    standings.push([subjectOf(schema), await standingOf(url, subjectOf(schema), schema, known)]);
  }
  const of = (wanted: Standing): readonly string[] =>
    standings.filter(([, one]) => one === wanted).map(([name]) => name);
  const [missing, incompatible] = [of("missing"), of("incompatible")];
  const findings = [
    ...(missing.length === 0
      ? []
      : [fail("schemas-missing", url, `${missing.length} are not there: ${few(missing)}`, nextOf("schemas-missing"))]),
    ...incompatible.map((subject) =>
      fail(
        "schemas-incompatible",
        subject,
        "another schema is registered there",
        nextOf("schemas-incompatible", { url, subject }),
      ),
    ),
  ];
  return findings.length === 0 ? [ok("registry", `${standings.length} schemas at ${url}`)] : findings;
}
