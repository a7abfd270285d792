/** Secrets by name: the one place where an HTTP tool or model takes a credential from. Only a gateway process calls it. */
import { busbarError } from "@busbar/kernel";

/** `${NAME}` in the value of a header. */
const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** The secret of a name: the variable of the gateway's environment. Throws BUSBAR_CONFIG_INVALID, naming it alone. */
export function secretNamed(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "")
    throw busbarError("BUSBAR_CONFIG_INVALID", { file: "environment", reason: `${name} is not set` });
  return value;
}

/** Headers with their secrets filled in: `Bearer ${PAY_TOKEN}`. Throws as {@link secretNamed}. */
export function withSecrets(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const filled = Object.entries(headers).map(
    ([name, value]) => [name, value.replaceAll(REFERENCE, (_, secret: string) => secretNamed(secret))] as const,
  );
  return Object.fromEntries(filled);
}
