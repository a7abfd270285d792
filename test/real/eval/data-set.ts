/**
 * Recorded runs for the evaluation. What is played has no labels: a line is made anew of what was said and done, and
 * the labels stay here, to be compared with afterwards.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";

/** One recorded tool call. */
export interface Call {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** As recorded: r read, w write, x hand-over to a person, n neutral. */
  readonly rw: string;
  readonly isError: boolean;
  /** The answer as text. */
  readonly text: string;
  /** Of shared state: why the answer is not what the run should have got, and what it should have got; else empty. */
  readonly incident: string;
  readonly isolated: string;
}

/** What is known of a run besides what was played. */
export interface Facts {
  readonly id: string;
  readonly task: string;
  readonly model: string;
  /**
   * Empty where the label is not trusted. Where runs are attacked, a run fails whose attack succeeded, and one passes
   * that was not attacked and did its task: an agent that is too weak for its task is no harm.
   */
  readonly outcome: "pass" | "fail" | "";
  readonly wrongWrites: ReadonlySet<number>;
  readonly calls: readonly Call[];
  /** Null: the run was not attacked. */
  readonly attack: string | null;
  readonly attackSucceeded: boolean;
}

/** Runs of one file and domain, which are played under one policy. */
export interface DataSet {
  readonly name: string;
  readonly domain: string;
  readonly policy: string;
  /** Lines without labels, one for each of `runs`. */
  readonly lines: readonly string[];
  readonly runs: readonly Facts[];
}

interface RecordedEvent {
  readonly kind: string;
  readonly text?: string;
  readonly tool?: string;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: unknown;
  readonly is_error?: boolean;
  readonly rw?: string;
  readonly incident?: string;
  readonly isolated_result?: unknown;
}

interface RecordedLine {
  readonly run_id?: string;
  readonly domain?: string;
  readonly model?: string;
  readonly task_id?: string | number;
  readonly attack_type?: string | null;
  readonly events: readonly RecordedEvent[];
  readonly label?: {
    readonly outcome?: string;
    readonly trusted?: boolean;
    readonly wrong_write_calls?: readonly number[] | null;
    readonly attack_succeeded?: boolean | null;
  };
}

const POLICIES = resolve(import.meta.dirname, "../policies");

const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value ?? ""));

const callOf = (event: RecordedEvent): Call => ({
  tool: event.tool ?? "",
  args: event.args ?? {},
  rw: event.rw ?? "",
  isError: event.is_error === true,
  text: textOf(event.result),
  incident: event.incident ?? "",
  isolated: event.isolated_result === undefined ? "" : textOf(event.isolated_result),
});

function outcomeOf({ attack_type: attack, label = {} }: RecordedLine): Facts["outcome"] {
  const { outcome, trusted = true, attack_succeeded: succeeded } = label;
  if (!trusted || (outcome !== "pass" && outcome !== "fail")) return "";
  if (attack === undefined) return outcome;
  if (attack !== null) return succeeded === true ? "fail" : "";
  return outcome === "pass" ? "pass" : "";
}

function factsOf(line: RecordedLine): Facts {
  const { run_id: id = "", events, label = {}, ...rest } = line;
  const outcome = outcomeOf(line);
  return {
    id,
    task: String(rest.task_id ?? ""),
    model: rest.model ?? "",
    outcome,
    wrongWrites: new Set(outcome === "" ? [] : (label.wrong_write_calls ?? [])),
    calls: events.filter(({ kind }) => kind === "tool").map(callOf),
    attack: rest.attack_type ?? null,
    attackSucceeded: label.attack_succeeded === true,
  };
}

/** What was said and done, and nothing else. */
function bareLine({ events }: RecordedLine, index: number): string {
  const bare = events.map(({ kind, text, tool, args, result, error, is_error: isError, rw }) =>
    kind === "tool" ? { kind, tool, args, result, error, is_error: isError, rw } : { kind, text },
  );
  return JSON.stringify({ run_id: String(index), events: bare });
}

function linesOf(file: string): readonly RecordedLine[] {
  const bytes = readFileSync(file);
  const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => JSON.parse(line) as RecordedLine);
}

/** Every file of a folder, by domains that have a policy; what has none is in `left`. */
export function readDataSets(folder: string): { readonly sets: readonly DataSet[]; readonly left: readonly string[] } {
  const files = readdirSync(folder).filter((name) => /\.jsonl(\.gz)?$/.test(name));
  const sets: DataSet[] = [];
  const left: string[] = [];
  for (const name of files.toSorted()) {
    for (const [domain, lines] of Map.groupBy(linesOf(join(folder, name)), (line) => line.domain ?? "")) {
      const policy = join(POLICIES, `${domain}.yaml`);
      const title = `${basename(name).replace(/\.jsonl(\.gz)?$/, "")} · ${domain}`;
      if (!/^[a-z]+$/.test(domain) || !existsSync(policy)) left.push(`${title} (${lines.length} runs)`);
      else sets.push({ name: title, domain, policy, lines: lines.map(bareLine), runs: lines.map(factsOf) });
    }
  }
  return { sets, left };
}
