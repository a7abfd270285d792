/**
 * Contexts: buses by name, in the user's configuration folder (XDG), so that one word says which bus a command speaks
 * to. A context holds addresses, names and paths of files; a secret is never stored, only where it lies.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { busbarError, isJsonObject, type Json, parseJson } from "@busbar/kernel";

/** Field of a context to the variable that it stands for. */
export const CONTEXT_FIELDS = {
  brokers: "BUSBAR_BROKERS",
  embedded: "BUSBAR_EMBEDDED",
  registry: "SCHEMA_REGISTRY_URL",
  prefix: "BUSBAR_PREFIX",
  keys: "BUSBAR_KEYS",
  security: "BUSBAR_SECURITY",
  tlsCa: "BUSBAR_TLS_CA",
  user: "BUSBAR_SASL_USERNAME",
} as const;

export type ContextField = keyof typeof CONTEXT_FIELDS;
export type Context = Readonly<Partial<Record<ContextField, string>>>;

export interface Contexts {
  /** Name of the one that is used where nothing else says which bus; empty: none. */
  readonly current: string;
  readonly contexts: Readonly<Record<string, Context>>;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const NONE: Contexts = { current: "", contexts: {} };

/** XDG_CONFIG_HOME counts only when it is absolute, as its specification says. */
export function contextsFile(env: NodeJS.ProcessEnv): string {
  const given = env["XDG_CONFIG_HOME"] ?? "";
  const home = env["HOME"] ?? "";
  const base = isAbsolute(given) ? given : join(home === "" ? homedir() : home, ".config");
  return join(base, "busbar", "contexts.json");
}

const isText = (value: unknown): value is string => typeof value === "string";

function contextOf(value: Json): Context | null {
  if (!isJsonObject(value)) return null;
  const entries = Object.entries(value);
  const isRight = entries.every(([field, text]) => Object.hasOwn(CONTEXT_FIELDS, field) && isText(text));
  return isRight ? (Object.fromEntries(entries) as Context) : null;
}

function parseContexts(file: string, text: string): Contexts {
  const value = parseJson(text);
  const listed = isJsonObject(value) && isJsonObject(value["contexts"]) ? Object.entries(value["contexts"]) : null;
  const contexts = (listed ?? []).map(([name, one]) => [name, contextOf(one)] as const);
  const bad = contexts.find(([, one]) => one === null)?.[0];
  if (listed === null || bad !== undefined) {
    const reason = bad === undefined ? "it is no list of contexts" : `context ${bad} has a field that none has`;
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason });
  }
  const current = isJsonObject(value) && isText(value["current"]) ? value["current"] : "";
  return { current, contexts: Object.fromEntries(contexts) as Contexts["contexts"] };
}

/** None where the file is not there. Throws BUSBAR_CONFIG_INVALID. */
export async function readContexts(env: NodeJS.ProcessEnv): Promise<Contexts> {
  const file = contextsFile(env);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return text === null ? NONE : parseContexts(file, text);
}

/** Replaces the file as a whole; only its owner may read it. */
export async function writeContexts(env: NodeJS.ProcessEnv, contexts: Contexts): Promise<void> {
  const file = contextsFile(env);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.${process.pid}`, `${JSON.stringify(contexts, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.${process.pid}`, file);
}

/** The context of a name. Throws BUSBAR_INPUT_INVALID. */
export function contextNamed({ contexts }: Contexts, name: string): Context {
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found !== undefined) return found;
  const known = Object.keys(contexts);
  const reason = `there is no context ${name}${known.length === 0 ? "" : `; there are ${known.join(", ")}`}`;
  throw busbarError("BUSBAR_INPUT_INVALID", { what: "context", reason, next: "npx busbar context ls" });
}

/** All variables that a context can stand for; those that it does not have are empty. */
export function contextEnv(context: Context): Readonly<Record<string, string>> {
  const fields = Object.entries(CONTEXT_FIELDS) as readonly (readonly [ContextField, string])[];
  const always: readonly ContextField[] = ["brokers", "embedded", "registry"];
  return Object.fromEntries(
    fields.flatMap(([field, variable]) => {
      const value = context[field];
      if (value !== undefined) return [[variable, value]];
      // What another bus was reached by must not be mixed in.
      return always.includes(field) ? [[variable, ""]] : [];
    }),
  );
}

const refused = (reason: string, next: string): never => {
  throw busbarError("BUSBAR_INPUT_INVALID", { what: "context add", reason, next });
};

/** What is wrong with a new context. Throws BUSBAR_INPUT_INVALID. */
export function assertContext(name: string, { brokers, embedded, registry }: Context): void {
  if (!NAME.test(name)) refused(`"${name}" is no name`, "use letters, digits, dots and dashes");
  if ((brokers === undefined) === (embedded === undefined)) {
    refused("it takes either --brokers or --embedded", "npx busbar context add --help");
  }
  const bad = brokers?.split(",").find((one) => !/^[^\s:@/]+:\d{1,5}$/.test(one.trim()));
  if (bad !== undefined) refused(`"${bad}" is not host:port`, "write it like --brokers kafka1:9092,kafka2:9092");
  if (registry === undefined) return;
  const url = URL.canParse(registry) ? new URL(registry) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    refused(`"${registry}" is no http address`, "write it like http://registry:8081");
  else if (url.username !== "" || url.password !== "") {
    refused("its address holds a password, and a context stores none", "leave it out of the address");
  }
}
