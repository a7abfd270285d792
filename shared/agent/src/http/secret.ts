/** Secrets by name in the headers of a call. Their values come from the context of the run, which only a gateway has. */

/** `${NAME}` in the value of a header. */
const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

type Headers = Readonly<Record<string, string>>;

/** Names of the secrets that headers refer to, each once. */
export function secretsIn(headers: Headers): readonly string[] {
  const names = Object.values(headers).flatMap((value) => [...value.matchAll(REFERENCE)].map(([, name = ""]) => name));
  return [...new Set(names)];
}

/** Headers with their secrets filled in: `Bearer ${PAY_TOKEN}`. Throws what `secret` throws. */
export function withSecrets(headers: Headers, secret: (name: string) => string): Headers {
  const filled = Object.entries(headers).map(
    ([name, value]) => [name, value.replaceAll(REFERENCE, (_, wanted: string) => secret(wanted))] as const,
  );
  return Object.fromEntries(filled);
}
