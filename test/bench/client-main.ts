/**
 * The bench's client process: submits tasks in a closed loop, awaits each outcome, checks it, prints one JSON line.
 * A chain that ends in any other way than completed, with the output that its input asks for, ends the bench.
 */
import { createClient } from "@busbar/agent";
import { clientKey, connect } from "@busbar/infra";
import { busbarError } from "@busbar/kernel";
import { measure } from "./load.ts";
import type { ClerkOutput } from "./project/agents.ts";

const [concurrency = 1, warmUpMs = 0, measuredMs = 1000] = process.argv.slice(2, 5).map(Number);
const run = process.argv[5] ?? "run";
const OUTCOME_MS = 60_000;

const onNotice = (text: string): void => void process.stderr.write(`${text}\n`);
const { log, codec, prefix, keys, close } = await connect({
  env: process.env,
  clientId: "bench-client",
  principal: "client:bench",
  onNotice,
});
const client = createClient({ log, codec, prefix, name: "bench", key: clientKey(keys, "bench") });

async function chain(n: number): Promise<void> {
  const order = `${run}/${n}`;
  const task = await client.submit({ agent: "clerk", key: order, input: { order, sku: `sku-${n % 100}` } });
  const { state, output, reason } = await client.awaitOutcome(task, { timeoutMs: OUTCOME_MS });
  const found = output as Partial<ClerkOutput> | undefined;
  if (state === "completed" && found?.order === order && found.reserved === 1) return;
  throw busbarError("BUSBAR_INTERNAL", {
    reason: `chain ${task.chainId} ended ${state}: ${reason ?? JSON.stringify(output)}`,
  });
}

// Whoever started us notes the processes' CPU time at both edges of the measured window.
const onEdge = (): void => void process.stdout.write('{"edge":true}\n');
const window = await measure({ concurrency, warmUpMs, measuredMs, onEdge }, chain);
process.stdout.write(`${JSON.stringify(window)}\n`);
await client.close();
await close();
