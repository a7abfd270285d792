/**
 * What the rules of a play must come to, computed from the recording alone. It shares no code with the product: it is
 * written from the promises (two errors in a row; one question answered in two ways; three destructive effects in a
 * row without a look), for recorded runs only.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

interface ToolEvent {
  readonly kind: string;
  readonly tool: string;
  readonly args: unknown;
  readonly result: unknown;
  readonly is_error?: boolean;
  readonly rw?: string;
}

interface Line {
  readonly events: readonly ToolEvent[];
  readonly label?: {
    readonly outcome?: string;
    readonly trusted?: boolean;
    readonly wrong_write_calls?: readonly number[];
  };
}

export interface Expected {
  /** Rule and index of the call that it stops the run at, or null. */
  readonly stop: { readonly rule: string; readonly call: number } | null;
  readonly calls: number;
  /** Of a trusted label; empty otherwise. */
  readonly outcome: string;
  readonly wrongWrites: readonly number[];
  /** Calls that reach the tool. */
  readonly landed: number;
}

const DESTRUCTIVE = /^(delete|drop|remove|cancel|destroy|erase|purge|truncate|wipe)_/;

/** JSON with sorted keys: equal values have equal texts. */
const text = (value: unknown): string =>
  JSON.stringify(value, (_key, found: unknown) =>
    typeof found === "object" && found !== null && !Array.isArray(found)
      ? Object.fromEntries(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : found,
  );

/** What has been seen of a run so far. */
interface Seen {
  errors: number;
  destroyed: number;
  readonly answers: Map<string, string>;
  readonly done: Set<string>;
}

function afterWrite(seen: Seen, question: string, { tool, is_error: failed = false }: ToolEvent): string {
  seen.answers.clear();
  if (failed) return "";
  seen.done.add(question);
  if (DESTRUCTIVE.test(tool)) seen.destroyed += 1;
  return seen.destroyed === 3 ? "destructive-run" : "";
}

function afterRead(seen: Seen, question: string, { result, is_error: failed = false }: ToolEvent): string {
  if (failed) return "";
  seen.errors = 0;
  seen.destroyed = 0;
  const before = seen.answers.get(question);
  seen.answers.set(question, text(result));
  return before !== undefined && before !== text(result) ? "contradiction" : "";
}

function stopOf(calls: readonly ToolEvent[], writers: ReadonlySet<string>): Pick<Expected, "stop" | "landed"> {
  const seen: Seen = { errors: 0, destroyed: 0, answers: new Map(), done: new Set() };
  let landed = 0;
  for (const [call, event] of calls.entries()) {
    const question = `${event.tool} ${text(event.args)}`;
    // The same effect again is answered by the bus itself.
    if (seen.done.has(question)) continue;
    landed += 1;
    if (event.is_error === true) seen.errors += 1;
    const told = writers.has(event.tool) ? afterWrite(seen, question, event) : afterRead(seen, question, event);
    const rule = seen.errors === 2 ? "consecutive-errors" : told;
    if (rule !== "") return { stop: { rule, call }, landed };
  }
  return { stop: null, landed };
}

function judge({ events, label }: Line, writers: ReadonlySet<string>): Expected {
  const calls = events.filter(({ kind }) => kind === "tool");
  const outcome = label?.trusted === false ? "" : (label?.outcome ?? "");
  const wrongWrites = outcome === "" ? [] : (label?.wrong_write_calls ?? []);
  return { ...stopOf(calls, writers), calls: calls.length, outcome, wrongWrites };
}

/** Every run of a recorded file, in its order. */
export function expectedOf(file: string): readonly Expected[] {
  const lines = gunzipSync(readFileSync(file)).toString("utf8").trimEnd().split("\n");
  const runs = lines.map((line) => JSON.parse(line) as Line);
  const writes = runs.flatMap(({ events }) => events).filter(({ kind, rw }) => kind === "tool" && rw === "w");
  const writers = new Set(writes.map(({ tool }) => tool));
  return runs.map((run) => judge(run, writers));
}
