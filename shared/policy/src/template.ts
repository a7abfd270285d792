/** Templates: JSON that names values of a call, as tools declare what to send, to look at and to expect. Pure. */
import { isJsonObject, type Json, type JsonObject, own } from "@busbar/kernel";

/** What a template may name: `$args`, `$result`, `$item` and `$key`, with a dotted path behind all but the last. */
export interface TemplateScope {
  readonly args?: Json;
  readonly result?: Json;
  /** Of a list that is gone through, the entry at hand. */
  readonly item?: Json;
  readonly key?: string;
}

/** The value at a dotted path of a JSON value; undefined where there is none. */
export function atPath(value: Json, path: string): Json | undefined {
  let found: Json | undefined = value;
  for (const part of path.split(".")) {
    if (Array.isArray(found)) found = (found as readonly Json[])[Number(part)];
    else found = isJsonObject(found) ? own(found, part) : undefined;
  }
  return found;
}

const REFERENCE = /^\$(args|result|item|key)(?:\.(.+))?$/s;

/** What a text names in the scope: null where a path leads nowhere, undefined where the text is a literal. */
function named(text: string, scope: TemplateScope): Json | undefined {
  const [, name, path] = REFERENCE.exec(text) ?? [];
  const value = name === undefined ? undefined : scope[name as keyof TemplateScope];
  if (value === undefined) return undefined;
  return path === undefined ? value : (atPath(value, path) ?? null);
}

/** `$args.x.y`, `$result`, `$key` or a literal, anywhere in a JSON value. What the scope does not hold is a literal. */
export function fillTemplate(template: Json, scope: TemplateScope): Json {
  if (Array.isArray(template)) return (template as readonly Json[]).map((entry) => fillTemplate(entry, scope));
  if (isJsonObject(template)) {
    return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, fillTemplate(value, scope)]));
  }
  if (typeof template !== "string") return template;
  const value = named(template, scope);
  return value === undefined ? template : value;
}

/** True where a template names the result, so that it says nothing before there is one. */
export function namesResult(template: Json | JsonObject): boolean {
  if (typeof template === "string") return REFERENCE.exec(template)?.[1] === "result";
  if (Array.isArray(template)) return (template as readonly Json[]).some(namesResult);
  return isJsonObject(template) && Object.values(template).some(namesResult);
}
