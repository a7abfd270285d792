/**
 * The address of an HTTP tool: a template whose placeholders are filled with arguments, which models write.
 *
 * U1 An argument never changes scheme, host, port or the number of path segments: placeholders stand in the path only,
 *    values are percent-encoded, and what is built is compared with the template after the URL parser has read it.
 * U2 No segment is `.` or `..`, also not behind an encoded slash: proxies decode those.
 */
import { busbarError, type Json, type JsonObject } from "@busbar/kernel";

export interface UrlTemplate {
  readonly origin: string;
  /** Path with `{name}` in place of arguments. */
  readonly path: string;
  readonly placeholders: readonly string[];
}

const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Reads a template such as `https://pay.example.com/v1/customers/{customer}/charges`. Throws BUSBAR_CONFIG_INVALID. */
export function parseUrlTemplate(owner: string, template: string): UrlTemplate {
  const invalid = (reason: string) => busbarError("BUSBAR_CONFIG_INVALID", { file: owner, reason: `url: ${reason}` });
  const match = /^(https?:\/\/[^/?#{}\\@\s]+)(\/[^?#\s\\]*)?$/.exec(template);
  if (match === null)
    throw invalid(
      "it is not http(s)://host/path without user, query and placeholders in the host (use query for a query)",
    );
  const [, start = "", path = "/"] = match;
  if (!URL.canParse(start)) throw invalid(`${start} is no address`);
  const { origin } = new URL(start);
  const bare = path.replaceAll(PLACEHOLDER, "x");
  if (/[{}]/.test(bare)) throw invalid("a placeholder is {name}: letters, digits and _");
  if (new URL(origin + bare).pathname !== bare)
    throw invalid("the path must be written as it is sent: encoded, without . and ..");
  return { origin, path, placeholders: [...path.matchAll(PLACEHOLDER)].map(([, name = ""]) => name) };
}

/** A value as it may stand in a path. */
function segmentOf(name: string, value: Json | undefined): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") throw new UrlProblem(`argument ${name} is not a text or number`);
  const problem = problemOf(value);
  if (problem !== null) throw new UrlProblem(`argument ${name} ${problem}`);
  return value;
}

/** Why a text cannot stand in a path; null when it can. */
function problemOf(value: string): string | null {
  if (value === "") return "is empty";
  if ([...value].some((character) => character < " " || character === "\u007f")) return "holds a control character";
  if (!value.isWellFormed()) return "is no well-formed text";
  const hasDots = value.split(/[/\\]/).some((part) => part === "." || part === ".." || part === "");
  return hasDots ? "holds an empty, . or .. path segment" : null;
}

/** A problem with an argument, before anything was sent. */
export class UrlProblem extends Error {}

/** The address for these arguments. Throws UrlProblem for what may not be sent. */
export function fillUrl(template: UrlTemplate, args: JsonObject, query: Readonly<Record<string, Json>> = {}): URL {
  const path = template.path.replaceAll(PLACEHOLDER, (_, name: string) => {
    return encodeURIComponent(segmentOf(name, args[name]));
  });
  const url = new URL(template.origin + path);
  if (url.origin !== template.origin || url.pathname !== path)
    throw new UrlProblem("the arguments would change where the call goes");
  for (const [name, value] of Object.entries(query)) {
    if (value === null) continue;
    url.searchParams.append(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  return url;
}
