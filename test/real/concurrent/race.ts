/**
 * Many chains at once on one database, through a whole bus in memory: each reads an account, thinks for a while, and
 * writes what it makes of what it has read. Reads look at the two purses one after the other, so that some are torn.
 * With the guard a change carries the version that its chain has read, and the tool compares it in its transaction;
 * without it the change is made as it comes.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { defineAgent, defineTool, isCallError, stale, type ToolDefinition } from "@busbar/agent";
import type { Json } from "@busbar/kernel";
import { createTestBus } from "@busbar/testkit";
import {
  ACCOUNTS,
  type Attempt,
  brokenAccounts,
  change,
  createAccounts,
  journalOf,
  type Purses,
  rowOf,
  SUM,
} from "./accounts.ts";
import { chance } from "./chance.ts";

export interface RaceOptions {
  readonly chains: number;
  /** Chains that run at once. */
  readonly atOnce: number;
  readonly guard: boolean;
  readonly seed: number;
}

/** What came of the attempts of the chains, by the journal alone. */
export interface RaceResult {
  readonly chains: number;
  /** Chains that ended with their change made. */
  readonly completed: number;
  readonly attempts: number;
  /** Attempts made from a view that was not what was there: older, or of two moments. */
  readonly stale: number;
  /** Of these, attempts from two moments: their purses never stood together. */
  readonly torn: number;
  readonly staleRefused: number;
  /** Attempts made from what was there, and refused all the same. */
  readonly falseAlarms: number;
  /** Changes that landed on what their author had not seen. */
  readonly lostUpdates: number;
  /** Accounts whose purses do not add up at the end. */
  readonly broken: number;
}

const PAUSE_MS = 4;
const TRIES = 30;
const CLERK = resolve(import.meta.dirname, "clerk-main.ts");

interface Wish {
  readonly account: number;
  readonly amount: number;
}

type ChangeArgs = { account: number; by: string; seenA: number; seenB: number; a: number; b: number };

const integer = { type: "integer" } as const;

function toolsOn(database: DatabaseSync, random: () => number, guard: boolean): readonly ToolDefinition[] {
  const read = defineTool<{ account: number }>({
    name: "account.read",
    description: "Reads the purses of an account, one after the other.",
    effect: "read",
    volatile: true,
    args: { type: "object", properties: { account: integer } },
    subject: ["account"],
    version: "$result.version",
    timeoutMs: 10_000,
    run: async ({ account }): Promise<Json> => {
      const { a, version } = rowOf(database, account);
      await sleep(random() * PAUSE_MS);
      return { a, version, b: rowOf(database, account).b };
    },
  });
  const write = defineTool<ChangeArgs>({
    name: "account.change",
    description: "Writes both purses of an account.",
    effect: "write",
    args: {
      type: "object",
      properties: { account: integer, by: { type: "string" }, seenA: integer, seenB: integer, a: integer, b: integer },
    },
    subject: ["account"],
    timeoutMs: 10_000,
    ...(guard
      ? { dependsOn: { tool: "account.read", args: { account: "$args.account" }, check: "tool" as const } }
      : {}),
    run: ({ account, by, seenA, seenB, a, b }, { expected }): Json => {
      const seen = { a: seenA, b: seenB };
      const isOther = (version: number): boolean =>
        expected !== undefined && expected !== null && expected.version !== String(version);
      const { landed, now } = change(database, { account, by, seen, next: { a, b } }, ({ version }) =>
        isOther(version),
      );
      if (!landed) throw stale(`version ${now.version} is there`, { ...now });
      return { landed };
    },
  });
  return [read, write].map((tool) => tool as unknown as ToolDefinition);
}

/** Reads, thinks, writes; where it was refused as stale it reads again. */
const mover = (random: () => number) =>
  defineAgent<Wish>({
    name: "mover",
    version: "1",
    handler: async ({ input, chainId }, ctx) => {
      const { account, amount } = input;
      for (let tries = 0; tries < TRIES; tries += 1) {
        const { a, b } = await ctx.tool<Purses>("account.read", { account });
        await sleep(random() * PAUSE_MS);
        const by = `${chainId}/${tries}`;
        try {
          await ctx.tool("account.change", { account, by, seenA: a, seenB: b, a: a - amount, b: b + amount });
          return { tries };
        } catch (error) {
          if (!isCallError(error) || error.code !== "BUSBAR_STALE") throw error;
        }
      }
      throw new Error(`the account was another one ${TRIES} times`);
    },
  });

const isSame = ({ seen, before }: Attempt): boolean => seen.a === before.a && seen.b === before.b;

function resultOf(database: DatabaseSync, chains: number, completed: number): RaceResult {
  const attempts = journalOf(database).filter(({ by }) => by !== "clerk");
  const stales = attempts.filter((attempt) => !isSame(attempt));
  return {
    chains,
    completed,
    attempts: attempts.length,
    stale: stales.length,
    torn: stales.filter(({ seen }) => seen.a + seen.b !== SUM).length,
    staleRefused: stales.filter(({ landed }) => !landed).length,
    falseAlarms: attempts.filter((attempt) => isSame(attempt) && !attempt.landed).length,
    lostUpdates: stales.filter(({ landed }) => landed).length,
    broken: brokenAccounts(database),
  };
}

async function runChains(database: DatabaseSync, options: RaceOptions): Promise<number> {
  const { chains, atOnce, guard, seed } = options;
  const random = chance(seed);
  const bus = await createTestBus({
    agents: [mover(random)],
    tools: toolsOn(database, random, guard),
    // A stale change is the tool's word about this chain, not about the tool.
    policy: { breaker: { consecutiveFailures: 0, agentFailures: 0, pairFailures: 0 } },
    partitions: 4,
    limitMs: 120_000,
  });
  let [next, completed] = [0, 0];
  const work = async (): Promise<void> => {
    while (next < chains) {
      next += 1;
      const wish = { account: Math.floor(random() * ACCOUNTS), amount: 1 + Math.floor(random() * 20) };
      const { state } = await bus.submit("mover", wish);
      if (state === "completed") completed += 1;
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    await bus.stop();
  }
  return completed;
}

/** Runs the chains beside another process that writes as well. */
export async function race(options: RaceOptions): Promise<RaceResult> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-race-"));
  const file = join(folder, "accounts.db");
  const database = createAccounts(file);
  const clerk = spawn(process.execPath, [CLERK, file, String(options.seed)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise((done) => clerk.once("close", done));
  try {
    const completed = await runChains(database, options);
    clerk.kill("SIGTERM");
    await ended;
    return resultOf(database, options.chains, completed);
  } finally {
    clerk.kill("SIGKILL");
    await ended;
    database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
