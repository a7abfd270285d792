/** `busbar submit`: gives a task to an agent, idempotent by key, and with --wait says how it ended. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { createClient, type TaskHandle, type TaskOutcome } from "@busbar/agent";
import { CLI_CLIENT, clientKey } from "@busbar/infra";
import { busbarError, type Json, reasonOf } from "@busbar/kernel";
import { Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { endWith, outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";
import { countOption } from "../parse/count.ts";
import { durationOption } from "../parse/duration.ts";
import { readJson } from "../parse/json-text.ts";
import { plain } from "../table.ts";

interface SubmitOptions {
  readonly key?: string;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly deadline?: number;
  readonly maxSteps?: number;
  readonly budgetTokens?: number;
}

const DEFAULT_TIMEOUT_MS = 60_000;
/** How a task's end shows in the exit code. */
const EXIT_CODES: Readonly<Record<TaskOutcome["state"], number>> = { completed: 0, failed: 1, halted: 5 };

/** The input as it was given: JSON, `@file`, or `-` for standard input. Throws BUSBAR_INPUT_INVALID. */
export async function readInput(
  given: string,
  stdin: () => Promise<string> = () => readAll(process.stdin),
): Promise<Json> {
  if (given === "-") return readJson("standard input", await stdin());
  if (!given.startsWith("@")) return readJson("the input", given);
  const file = given.slice(1);
  try {
    return readJson(file, await readFile(file, "utf8"));
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    const next = `give JSON like '{"orderId": 1}', @file.json, or - for standard input`;
    throw busbarError("BUSBAR_INPUT_INVALID", { what: file, reason: `it cannot be read: ${reasonOf(error)}`, next });
  }
}

function outcomeText(output: Output, chainId: string, outcome: TaskOutcome): string {
  const { state, code, reason, output: result } = outcome;
  if (state === "completed")
    return `${output.green("completed")} ${chainId}\n${JSON.stringify(result ?? null, null, 2)}`;
  const why = [code, reason].filter((one) => one !== undefined && one !== "").join(": ");
  return `${output.red(state)} ${chainId}: ${plain(why)}`;
}

function answerHandle(output: Output, handle: TaskHandle, key: string): void {
  const { chainId, partition, isKnown, from, agent } = handle;
  const text = (): string => `${isKnown ? "known already" : "submitted"}: chain ${chainId}`;
  output.answer({ value: { chainId, agent, key, partition, from, isKnown }, text });
  output.note(`next: npx busbar trace ${chainId}`);
}

async function submit(agent: string, given: string, options: SubmitOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const input = await readInput(given);
  const key = options.key ?? randomUUID();
  const submitOn = async (bus: OpenBus): Promise<void> => {
    const { log, codec, prefix } = bus;
    const client = createClient({ log, codec, prefix, name: CLI_CLIENT, key: clientKey(bus.keys, CLI_CLIENT) });
    try {
      const { timeout: timeoutMs, wait, deadline, maxSteps, budgetTokens } = options;
      const handle = await client.submit({
        agent,
        input,
        key,
        timeoutMs,
        ...(deadline === undefined ? {} : { deadlineAtMs: Date.now() + deadline }),
        ...(maxSteps === undefined ? {} : { maxSteps }),
        ...(budgetTokens === undefined ? {} : { budgetTokens }),
      });
      if (wait !== true) {
        answerHandle(output, handle, key);
        return;
      }
      output.note(`${handle.isKnown ? "known already" : "submitted"}: chain ${handle.chainId}; waiting for its end`);
      const outcome = await client.awaitOutcome(handle, { timeoutMs });
      const value = { chainId: handle.chainId, agent, key, ...outcome };
      output.answer({ value, text: () => outcomeText(output, handle.chainId, outcome) });
      output.note(`next: npx busbar trace ${handle.chainId}`);
      endWith(self, EXIT_CODES[outcome.state]);
    } finally {
      await client.close();
    }
  };
  await withBus(output, submitOn, `client:${CLI_CLIENT}`);
}

export function submitCommand(): Command {
  return new Command("submit")
    .description("Gives a task to an agent. The same key is the same task, however often it is submitted.")
    .argument("<agent>", "name of the agent")
    .argument("<input>", "JSON, @file.json, or - for standard input")
    .option("--key <key>", "the task's idempotency key (default: a new one)")
    .option("--wait", "wait for the end: exit code 0 completed, 1 failed, 5 halted")
    .option("--timeout <time>", "how long to wait (default: 1m)", durationOption("--timeout"), DEFAULT_TIMEOUT_MS)
    .option("--deadline <time>", "after this time the chain may begin nothing more", durationOption("--deadline"))
    .option("--max-steps <count>", "calls that the chain may make", countOption)
    .option("--budget-tokens <count>", "model tokens that the chain may use", countOption)
    .action((agent: string, input: string, options: SubmitOptions, self: Command) =>
      submit(agent, input, options, self),
    );
}
