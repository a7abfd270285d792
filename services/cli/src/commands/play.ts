/** `busbar play`: recorded runs through a real bus, and what its rules make of them. */
import { readFile } from "node:fs/promises";
import { loadProject } from "@busbar/agent/project";
import { busbarError, reasonOf } from "@busbar/kernel";
import type { Policy } from "@busbar/policy";
import { Command, InvalidArgumentError, Option } from "commander";
import { stateDirOf } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";
import { type PlayLog, openPlayLog } from "../play/play-log.ts";
import { startPlayBus } from "../play/play-bus.ts";
import { playedPolicy, playPolicy } from "../play/play-policy.ts";
import { type NumberedRun, playAll, type Scan, scan } from "../play/player.ts";
import { LISTED_MAX, renderReport, type StoppedRun } from "../play/render-report.ts";
import { counterfactualCalls, ReportBuilder, wrongWritesStopped } from "../play/report.ts";
import { parseToolManifest, type StatedTool, toolPolicies } from "../play/effect-of-tool.ts";
import type { Verdict } from "../play/verdict.ts";
import { plain } from "../table.ts";

interface PlayOptions {
  readonly policy?: string;
  readonly tools?: string;
  readonly embedded?: boolean;
  readonly concurrency: number;
}

const CONCURRENCY = 32;
const CONCURRENCY_MAX = 256;
/** Bad lines that are told one by one. */
const BAD_LINES_TOLD = 20;

function concurrencyOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= CONCURRENCY_MAX) return count;
  throw new InvalidArgumentError(`It is a number from 1 to ${CONCURRENCY_MAX}.`);
}

const HELP = `
A line is a recorded run ({"events": […]}), OpenAI messages ({"messages": […]} or a bare list), or a request with its
response. A file may be gzip. Each play has topics of its own on the broker of BUSBAR_BROKERS, else of npx busbar up,
else on one that is started for it.`;

/** The command. */
export function playCommand(): Command {
  return new Command("play")
    .description("send recorded runs through the bus and report what its rules stop")
    .argument("<transcripts>", "JSONL file, plain or gzip")
    .option("--policy <file>", "a busbar.yaml: its tools, rules and checks instead of the defaults")
    .option("--tools <file>", 'what tools do: {"<tool>": "read" | "write" | "destructive"}')
    .option("--embedded", "on the embedded log in memory, without a broker")
    .addOption(new Option("--concurrency <n>", "runs in flight at once").argParser(concurrencyOf).default(CONCURRENCY))
    .addHelpText("after", HELP)
    .action(async (file: string, options: PlayOptions, command: Command) => {
      await runPlay(file, options, outputOf(command));
    });
}

async function statedTools(file: string | undefined): Promise<ReadonlyMap<string, StatedTool>> {
  if (file === undefined) return new Map();
  try {
    return parseToolManifest(file, await readFile(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined || !(error instanceof Error) || "row" in error) throw error;
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: `it cannot be read: ${reasonOf(error)}` }, error);
  }
}

function policyOf(project: Policy | null, { tools }: Scan, stated: ReadonlyMap<string, StatedTool>): Policy {
  const recorded = toolPolicies(tools, stated);
  return project === null ? playPolicy(recorded) : playedPolicy(project, recorded);
}

async function look(file: string, output: Output): Promise<Scan> {
  let told = 0;
  const found = await scan(file, (line, reason) => {
    told += 1;
    if (told <= BAD_LINES_TOLD) output.note(`${file}:${line}: ${plain(reason)}; skipped`);
  });
  if (told > BAD_LINES_TOLD) output.note(`… and ${told - BAD_LINES_TOLD} more bad lines, skipped`);
  return found;
}

interface Signals {
  readonly signal: AbortSignal;
  /** Ends the waiting for anything at the first signal. */
  readonly aborted: Promise<never>;
  release(): void;
}

/** The first signal ends the play in order; a second one ends the process as it would without us. */
function watchSignals(): Signals {
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error(String(signal.reason))));
  });
  aborted.catch(() => undefined);
  const onSignal = (name: NodeJS.Signals): void => controller.abort(name);
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  const release = (): void => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
  return { signal, aborted, release };
}

async function runPlay(file: string, options: PlayOptions, output: Output): Promise<void> {
  const stated = await statedTools(options.tools);
  const project = options.policy === undefined ? null : (await loadProject(options.policy)).policy;
  const found = await look(file, output);
  const builder = new ReportBuilder();
  const listed: StoppedRun[] = [];
  if (found.runs > 0)
    await playFound({ file, options, output, found, policy: policyOf(project, found, stated), builder, listed });
  const report = builder.report(found.skipped);
  output.item(report, () => renderReport(report, builder.totals, builder.anyRule, sorted(listed), output.table));
  if (found.runs === 0) {
    throw busbarError("BUSBAR_INPUT_INVALID", {
      what: file,
      reason: "no line of it is a run",
      next: "npx busbar play --help",
    });
  }
  const { failed } = builder.totals;
  if (failed > 0) throw busbarError("BUSBAR_INTERNAL", { reason: `${failed} runs could not be played to an end` });
}

const sorted = (listed: readonly StoppedRun[]): readonly StoppedRun[] =>
  listed.toSorted((left, right) => left.line - right.line).slice(0, LISTED_MAX);

interface Playing {
  readonly file: string;
  readonly options: PlayOptions;
  readonly output: Output;
  readonly found: Scan;
  readonly policy: Policy;
  readonly builder: ReportBuilder;
  readonly listed: StoppedRun[];
}

async function playFound(playing: Playing): Promise<void> {
  const { options, output, found } = playing;
  const say = (line: string): void => output.note(line);
  const signals = watchSignals();
  try {
    const embedded = options.embedded === true;
    const bus = await openPlayLog({ env: process.env, stateDir: stateDirOf(), embedded, say });
    const kept = bus.isKept ? `; its topics ${bus.prefix}.* stay there` : "";
    say(`playing ${found.runs} runs on ${bus.where}${kept}`);
    try {
      await playOn(bus, playing, signals);
    } finally {
      await bus.close();
    }
  } catch (error) {
    // Everything is ended: now the signal does what it would have done.
    signals.release();
    if (signals.signal.aborted) process.kill(process.pid, String(signals.signal.reason));
    throw error;
  }
  signals.release();
}

async function playOn(bus: PlayLog, playing: Playing, { signal, aborted }: Signals): Promise<void> {
  signal.throwIfAborted();
  const { file, options, output, found, policy } = playing;
  const { concurrency } = options;
  const logLevel = process.env["BUSBAR_LOG_LEVEL"] ?? "error";
  const session = await startPlayBus({ bus, policy, concurrency, logLevel });
  const progress = output.progress("runs", found.runs);
  try {
    await playAll({
      file,
      concurrency,
      play: ({ line, run }) => Promise.race([session.play(`${bus.prefix}/${line}`, run), aborted]),
      onVerdict: (one, verdict) => {
        take(playing, one, verdict);
        progress.tick(playing.builder.runs);
      },
    });
  } finally {
    progress.stop();
    await session.stop();
  }
}

function take(
  { builder, listed, output }: Playing,
  { line, run }: NumberedRun,
  verdict: Verdict & { readonly chain: string },
): void {
  builder.add(run, verdict);
  const { end, rule, reason, call, refused, asked, shadowed, chain } = verdict;
  const counterfactual = counterfactualCalls(run, verdict);
  const label = run.label?.outcome ?? "";
  if (end === "failed") output.note(`line ${line}: not played to its end: ${plain(reason)}`);
  if (output.form === "jsonl") {
    const calls = run.calls.length;
    const wrong = {
      wrongWrites: run.label?.wrongWrites.length ?? 0,
      wrongWritesStopped: wrongWritesStopped(run, verdict),
    };
    output.item(
      {
        line,
        run: run.id,
        chain,
        label,
        end,
        rule,
        reason,
        call,
        calls,
        refused,
        asked,
        shadowed,
        counterfactual,
        ...wrong,
      },
      () => "",
    );
  }
  if (end !== "stopped") return;
  const row = { line, id: run.id, rule, reason, call, tool: run.calls[call]?.tool ?? "", counterfactual, label };
  listed.push(row);
  // Runs end in any order; the first lines of the file are listed.
  if (listed.length > LISTED_MAX * 4) listed.splice(0, listed.length, ...sorted(listed));
}
