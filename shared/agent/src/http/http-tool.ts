/**
 * defineHttpTool: a tool that is one HTTP call, written as data. What an attempt means is decided in classify.ts; where
 * it goes, in url-template.ts; how it is sent and bounded, in transport.ts.
 */
import { busbarError, isJsonObject, type Json, type JsonObject, parseJson, reasonOf } from "@busbar/kernel";
import { fillTemplate } from "@busbar/policy";
import { invalidResult } from "../attempt-errors.ts";
import { systemTimers } from "../timers.ts";
import { defineTool, type Template, type ToolDefinition, type ToolRunContext, type ToolSpec } from "../tool.ts";
import { failureOf, type HttpTraits } from "./classify.ts";
import { secretsIn, withSecrets } from "./secret.ts";
import { type BoundedText, type HttpResponse, readText, send, TransportError } from "./transport.ts";
import { fillUrl, parseUrlTemplate, type UrlTemplate } from "./url-template.ts";

export const HTTP_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;
export type HttpMethod = (typeof HTTP_METHODS)[number];

/** The call. */
export interface HttpCall {
  readonly method: HttpMethod;
  /** `https://host/path/{argument}`: arguments stand in path segments only, encoded. */
  readonly url: string;
  /** Query parameters: `"$args.x"` or literals; null ones are left out. */
  readonly query?: Readonly<Record<string, Template>>;
  /** Literal values with secrets by name: `Bearer ${PAY_TOKEN}`. The tool declares them thereby (`secrets`). */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * JSON body with `"$args"`, `"$args.x"` and `"$key"` (the effect's key) anywhere in it. Default: for POST, PUT and
   * PATCH the arguments that stand neither in the path nor in the query; else none.
   */
  readonly body?: Template;
  /** Header that carries the effect's key. Default for class exact: `Idempotency-Key`; for others none. */
  readonly idempotencyHeader?: string;
  /**
   * Of a tool whose `dependsOn` says `check: tool`: header that carries the version. Default `If-Match`, as an entity tag;
   * any other one carries the version as it is. A 412 then says that the change is stale.
   */
  readonly versionHeader?: string;
  /** What a 5xx means for a change. Default `unknown`: in doubt. `not-done` only where its makers promise it. */
  readonly serverErrors?: "unknown" | "not-done";
  /** Form of the result. Default `json`. */
  readonly expects?: "json" | "text";
  /** Longest answer in bytes; default 1 MiB. */
  readonly responseLimitBytes?: number;
}

export interface HttpToolSpec extends Omit<ToolSpec, "run"> {
  readonly http: HttpCall;
}

const RESPONSE_LIMIT_BYTES = 1_048_576;
const TOLD_BYTES = 2048;
const TOLD_CHARACTERS = 300;
const KEPT_CHARACTERS = 16_384;
const MAX_REDIRECTS = 3;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

interface Plan {
  readonly call: HttpCall;
  readonly template: UrlTemplate;
  readonly traits: HttpTraits;
  readonly keyHeader: string | null;
  readonly versionHeader: string | null;
  /** Arguments that neither path nor query take. */
  readonly bodyFields: readonly string[];
  readonly limitBytes: number;
}

const argsNamedIn = (query: Readonly<Record<string, Template>> = {}): readonly string[] =>
  Object.values(query).flatMap((template) =>
    typeof template === "string" && template.startsWith("$args.")
      ? [template.slice("$args.".length).split(".")[0] ?? ""]
      : [],
  );

/** What can never work about a call; null when nothing. */
function callProblem({ http: call, effect, args }: HttpToolSpec, template: UrlTemplate): string | null {
  const isSafe = call.method === "GET" || call.method === "HEAD";
  if (!HTTP_METHODS.includes(call.method)) return `method ${String(call.method)} is none of ${HTTP_METHODS.join(", ")}`;
  if (isSafe && effect !== "read") return `${call.method} is a read, and the tool declares effect ${effect}`;
  if (isSafe && call.body !== undefined) return `${call.method} has no body`;
  const names = [...Object.keys(call.headers ?? {}), call.idempotencyHeader ?? "x", call.versionHeader ?? "x"];
  const wrong = names.find((name) => !HEADER_NAME.test(name));
  if (wrong !== undefined) return `${JSON.stringify(wrong)} is no name of a header`;
  const stranger = template.placeholders.find((name) => !declaredIn(args).includes(name));
  return stranger === undefined ? null : `url names {${stranger}}, which args does not declare`;
}

const declaredIn = (args: JsonObject): readonly string[] =>
  isJsonObject(args["properties"]) ? Object.keys(args["properties"]) : [];

function keyHeaderOf({ http: call, effect, toolClass }: HttpToolSpec): string | null {
  if (effect === "read") return null;
  return call.idempotencyHeader ?? (toolClass === "exact" ? "Idempotency-Key" : null);
}

function planOf(spec: HttpToolSpec): Plan {
  const { http: call, effect, toolClass = "at-most-once" } = spec;
  const file = `tool ${spec.name}`;
  const template = parseUrlTemplate(file, call.url);
  const reason = callProblem(spec, template);
  if (reason !== null) throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason });
  const taken = new Set([...template.placeholders, ...argsNamedIn(call.query)]);
  const isConditional = spec.dependsOn?.check === "tool";
  const traits = { effect, toolClass, serverErrors: call.serverErrors ?? "unknown", isConditional } as const;
  const versionHeader = isConditional ? (call.versionHeader ?? "If-Match") : null;
  const limitBytes = call.responseLimitBytes ?? RESPONSE_LIMIT_BYTES;
  const bodyFields = declaredIn(spec.args).filter((name) => !taken.has(name));
  return { call, template, traits, keyHeader: keyHeaderOf(spec), versionHeader, bodyFields, limitBytes };
}

/** Checks the call and makes a tool of it. Throws BUSBAR_CONFIG_INVALID for what can never work. */
export function defineHttpTool(spec: HttpToolSpec): ToolDefinition {
  const plan = planOf(spec);
  const { http, ...tool } = spec;
  // Without what is left out, as JSON has it: equal calls have equal digests.
  const transport = JSON.parse(JSON.stringify({ http })) as JsonObject;
  const named = [...new Set([...(tool.secrets ?? []), ...secretsIn(http.headers ?? {})])];
  const secrets = named.length === 0 ? {} : { secrets: named };
  return defineTool({ attempts: 3, ...tool, ...secrets, transport, run: (args, context) => run(plan, args, context) });
}

function bodyOf(plan: Plan, args: JsonObject, key: string): string | null {
  const { call, bodyFields } = plan;
  if (call.body !== undefined) return JSON.stringify(fillTemplate(call.body, { args, key }));
  if (call.method !== "POST" && call.method !== "PUT" && call.method !== "PATCH") return null;
  const entries = bodyFields.flatMap((name) =>
    Object.hasOwn(args, name) ? [[name, args[name] ?? null] as const] : [],
  );
  return JSON.stringify(Object.fromEntries(entries));
}

function headersOf(
  plan: Plan,
  key: string,
  body: string | null,
  version: string | null,
  secret: ToolRunContext["secret"],
): Readonly<Record<string, string>> {
  const { call, keyHeader } = plan;
  return {
    accept: call.expects === "text" ? "*/*" : "application/json",
    "user-agent": "busbar",
    ...(body === null ? {} : { "content-type": "application/json" }),
    ...withSecrets(call.headers ?? {}, secret),
    ...(keyHeader === null ? {} : { [keyHeader]: key }),
    ...(plan.versionHeader === null || version === null ? {} : { [plan.versionHeader]: version }),
  };
}

/** A version as an entity tag (RFC 9110, 8.8.3), unless it is one. */
function versionIn({ versionHeader }: Plan, version: string): string {
  const isTag = /^(W\/)?"[^"]*"$/.test(version);
  return versionHeader?.toLowerCase() === "if-match" && !isTag ? `"${version}"` : version;
}

async function run(plan: Plan, args: JsonObject, context: ToolRunContext): Promise<Json> {
  const { key, attempt, signal, expected = null } = context;
  const secret = (name: string): string => context.secret(name);
  const { call, traits } = plan;
  const query = fillTemplate(call.query ?? {}, { args, key });
  let url = fillUrl(plan.template, args, isJsonObject(query) ? query : {});
  const body = bodyOf(plan, args, key);
  const version = expected === null ? null : versionIn(plan, expected.version);
  const headers = headersOf(plan, key, body, version, secret);
  const isRepeatable = traits.effect === "read" || traits.toolClass === "exact";
  const { method } = call;
  for (let hops = 0; ; hops += 1) {
    let response: HttpResponse;
    try {
      response = await send({ method, url, headers, body, isRepeatable, signal });
    } catch (error) {
      throw lost(plan, error);
    }
    const next = hops < MAX_REDIRECTS ? redirectOf(plan, url, response) : null;
    if (next === null) return resultOf(plan, response, attempt);
    response.discard();
    url = next;
  }
}

function lost(plan: Plan, error: unknown): Error {
  const sent = error instanceof TransportError ? error.sent : true;
  const reason = `${plan.call.method} ${plan.template.origin}: ${sent ? "no answer" : "not sent"}: ${reasonOf(error)}`;
  return failureOf(plan.traits, { kind: "lost", sent, reason }) ?? new Error(reason);
}

/** Where a read is sent on to; null where it is not. Secrets and the reader's rights stay with the origin of the template. */
function redirectOf(plan: Plan, from: URL, { status, headers }: HttpResponse): URL | null {
  const { location = "" } = headers;
  const isRedirect = [301, 302, 303, 307, 308].includes(status);
  const isSafe = plan.call.method === "GET" || plan.call.method === "HEAD";
  if (!isRedirect || !isSafe || location === "" || !URL.canParse(location, from.href)) return null;
  const to = new URL(location, from);
  return to.origin === plan.template.origin ? to : null;
}

async function resultOf(plan: Plan, response: HttpResponse, attempt: number): Promise<Json> {
  const { status, headers } = response;
  const { method } = plan.call;
  const nowMs = systemTimers.now();
  const at = `${method} ${plan.template.origin} answered ${status}`;
  if (failureOf(plan.traits, { kind: "status", status, headers, attempt, reason: at, nowMs }) !== null) {
    const reason = at + (await toldBy(response)) + toldLocation(headers);
    throw failureOf(plan.traits, { kind: "status", status, headers, attempt, reason, nowMs }) ?? new Error(reason);
  }
  let body: BoundedText;
  try {
    body = await readText(response, plan.limitBytes);
  } catch (error) {
    throw lost(plan, error);
  }
  return parsed(plan, response, body);
}

const toldLocation = ({ location = "" }: Readonly<Record<string, string>>): string =>
  location === "" ? "" : `; it points to ${location.slice(0, TOLD_CHARACTERS)}, which is not followed`;

/** What the server says about its refusal, as far as a person reads; its word proves nothing. */
async function toldBy(response: HttpResponse): Promise<string> {
  try {
    const { text } = await readText(response, TOLD_BYTES);
    const line = text.replaceAll(/\s+/g, " ").trim().slice(0, TOLD_CHARACTERS);
    return line === "" ? "" : `: ${line}`;
  } catch {
    return "";
  }
}

/** The answer of a success as a result. What cannot be read did happen where it was a change. */
function parsed(plan: Plan, { status, headers }: HttpResponse, body: BoundedText): Json {
  const value = readAnswer(plan, headers, body);
  if ("json" in value) return value.json;
  const reason = `${plan.call.method} ${plan.template.origin} answered ${status}, ${value.problem}`;
  if (plan.traits.effect === "read") throw new Error(reason);
  throw invalidResult(reason, body.text.slice(0, KEPT_CHARACTERS));
}

function readAnswer(
  { call, limitBytes }: Plan,
  headers: Readonly<Record<string, string>>,
  { text, isCut }: BoundedText,
): { readonly json: Json } | { readonly problem: string } {
  if (isCut) return { problem: `more than ${limitBytes} bytes` };
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") return { problem: `encoded as ${encoding}, which was not asked for` };
  if (call.expects === "text") return { json: text };
  if (text === "") return { json: null };
  if (!isJsonType(headers["content-type"]))
    return { problem: `${headers["content-type"] ?? "no type"} in place of JSON` };
  const json = parseJson(text);
  return json === undefined ? { problem: "no JSON" } : { json };
}

function isJsonType(contentType = ""): boolean {
  return /^application\/([^;]+\+)?json\s*(;|$)/i.test(contentType.trim());
}
