/** Scopes of directives: `fleet`, `agent:<name>`, `tool:<name>`, `chain:<id>` (PROTOCOL 6.1). */

export type Scope =
  | { readonly kind: "fleet" }
  | { readonly kind: "agent"; readonly name: string }
  | { readonly kind: "tool"; readonly name: string }
  | { readonly kind: "chain"; readonly id: string };

/** What is asked for: a call, a chain, or an agent as a whole. */
export interface ScopeSubject {
  readonly agent: string;
  /** Absent where no tool is concerned: then no tool scope covers it. */
  readonly tool?: string | undefined;
  /** Chain ids from the root to the chain itself: a chain scope covers its descendants. */
  readonly lineage: readonly string[];
}

/** Null for what is no scope. Names are 1 to 200 characters, as they are: no trimming, no wildcards. */
export function parseScope(text: string): Scope | null {
  if (text === "fleet") return { kind: "fleet" };
  const colon = text.indexOf(":");
  const name = text.slice(colon + 1);
  if (colon < 0 || name === "" || name.length > 200) return null;
  switch (text.slice(0, colon)) {
    case "agent":
      return { kind: "agent", name };
    case "tool":
      return { kind: "tool", name };
    case "chain":
      return { kind: "chain", id: name };
    default:
      return null;
  }
}

export function formatScope(scope: Scope): string {
  switch (scope.kind) {
    case "fleet":
      return "fleet";
    case "chain":
      return `chain:${scope.id}`;
    case "agent":
    case "tool":
      return `${scope.kind}:${scope.name}`;
  }
}

/** Whether an order for `scope` concerns the subject. Text that is no scope covers everything: it fails closed. */
export function covers(scope: Scope | string, subject: ScopeSubject): boolean {
  const parsed = typeof scope === "string" ? parseScope(scope) : scope;
  if (parsed === null) return true;
  switch (parsed.kind) {
    case "fleet":
      return true;
    case "agent":
      return parsed.name === subject.agent;
    case "tool":
      return parsed.name === subject.tool;
    case "chain":
      return subject.lineage.includes(parsed.id);
  }
}
