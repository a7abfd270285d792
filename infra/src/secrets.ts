/**
 * Secrets of tools and models: in the environment or in files of the process that calls them, the gateway, and in no
 * other one. A tool gets those that it declares, by name.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createRedactor, type Secret } from "@busbar/events/codec";
import { busbarError, reasonOf } from "@busbar/kernel";

const PREFIX = "BUSBAR_SECRET_";
const FOLDER = "BUSBAR_SECRETS";
/** The key of models that name none: a secret under the name that everybody gives it. */
const MODEL_KEY = "OPENAI_API_KEY";
/** Credentials that have names of their own; no record or log line holds them. */
const OTHERS = [MODEL_KEY, "BUSBAR_SASL_PASSWORD", "BUSBAR_ADMIN_PASSWORD"] as const;
/** What is shorter is found everywhere: redaction would tear records apart. */
const LENGTH_MIN = 8;

function secret(name: string, value: string, file: string): Secret {
  if (value.length >= LENGTH_MIN) return { name, value };
  throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: `a secret has at least ${LENGTH_MIN} characters` });
}

function inFolder(folder: string): readonly Secret[] {
  try {
    const files = readdirSync(folder, { withFileTypes: true }).filter(
      (entry) => !entry.isDirectory() && !entry.name.startsWith("."),
    );
    return files.map(({ name }) => {
      const file = join(folder, name);
      return secret(name, readFileSync(file, "utf8").replace(/\r?\n$/, ""), file);
    });
  } catch (error) {
    if (error instanceof Error && !("syscall" in error)) throw error;
    throw busbarError("BUSBAR_CONFIG_INVALID", { file: folder, reason: `${FOLDER}: ${reasonOf(error)}` }, error);
  }
}

/**
 * What tools and models may ask for: BUSBAR_SECRET_<NAME>, the files of the folder BUSBAR_SECRETS, and OPENAI_API_KEY
 * (which may be short: endpoints that check no key are given any). Throws BUSBAR_CONFIG_INVALID.
 */
export function toolSecrets(env: NodeJS.ProcessEnv): ReadonlyMap<string, string> {
  const key = env[MODEL_KEY] ?? "";
  const secrets = namedSecrets(env).map(({ name, value }) => [name, value] as const);
  return new Map([...(key === "" ? [] : [[MODEL_KEY, key] as const]), ...secrets]);
}

function namedSecrets(env: NodeJS.ProcessEnv): readonly Secret[] {
  const variables = Object.entries(env).filter(([name, value]) => name.startsWith(PREFIX) && (value ?? "") !== "");
  const named = variables.map(([name, value = ""]) => secret(name.slice(PREFIX.length), value, name));
  const folder = env[FOLDER] ?? "";
  const all = [...named, ...(folder === "" ? [] : inFolder(folder))];
  // A file stands for a variable of the same name.
  return [...new Map(all.map((one) => [one.name, one])).values()];
}

/** Everything that this process knows to be secret. */
export function secretsOf(env: NodeJS.ProcessEnv): readonly Secret[] {
  const others = OTHERS.flatMap((name) => {
    const value = env[name] ?? "";
    return value.length < LENGTH_MIN ? [] : [{ name, value }];
  });
  return [...namedSecrets(env), ...others];
}

/** Takes what this process knows to be secret out of a line of its log. */
export const redactorOfLines = (env: NodeJS.ProcessEnv): ((line: string) => string) =>
  createRedactor(secretsOf(env)).text;

/** The environment for a process that calls no tool. */
export function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isSecret = (name: string): boolean =>
    name.startsWith(PREFIX) || name === FOLDER || (OTHERS as readonly string[]).includes(name);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isSecret(name)));
}
