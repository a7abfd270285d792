/**
 * `npm run demo`: the essay's incident on a real database. One adversary, three runs: without the bus, under a freeze,
 * halted by a person; beside it an honest agent that must not notice. Everything that it starts it ends.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pushSchemas } from "@busbar/events/codec";
import {
  type BrokerChoice,
  type BusAccess,
  chooseBroker,
  DEFAULT_PREFIX,
  describeChoice,
  machineProbes,
  passwordFile,
  placeOf,
  securityMode,
  startBus,
  topicSpecs,
} from "@busbar/infra";
import { isBusbarError, reasonOf } from "@busbar/kernel";
import { check, type CheckReport } from "../checker/checker.ts";
import { createShop } from "../shop/create-shop.ts";
import { DEMO_CLIENT, type DemoBus, loadDemoProject, PARTITIONS, startDemoBus } from "./demo-bus.ts";
import { Honest, type HonestReport } from "./honest.ts";
import { type FrozenReport, haltedByAPerson, type HaltedReport, underAFreeze, withoutTheBus } from "./parts.ts";
import { eventsOf, keepLog, rawEvents } from "./records.ts";
import { bold, chapter, dim, during, elapsedSeconds, green, red, say, table } from "./screen.ts";

const KEPT_FILE = ".busbar/demo.db";

/** What has to be undone at the end, whatever the end is; newest first. */
const undo: (() => Promise<void> | void)[] = [];

async function cleanUp(): Promise<void> {
  for (const step of undo.splice(0).toReversed()) {
    try {
      await step();
    } catch (error) {
      process.stderr.write(`  cleaning up: ${reasonOf(error)}\n`);
    }
  }
}

interface Start {
  readonly choice: BrokerChoice;
  readonly folder: string;
  readonly prefix: string;
  readonly shop: string;
}

interface Whose {
  readonly folder: string;
  readonly prefix: string;
  readonly agents: readonly string[];
}

/** A broker of ours asks who is there; a given one where BUSBAR_SECURITY says so; BUSBAR_SECURITY=none leaves it open. */
function accessOf({ kind }: BrokerChoice, { folder, prefix, agents }: Whose): BusAccess | null {
  const mode = securityMode(process.env, kind === "given" ? "none" : "scram");
  if (kind === "embedded" || mode === "none") return null;
  // On a broker that others manage their super user sets this bus up.
  if (kind === "given") takeAdmin(folder);
  return { keys: join(folder, "keys"), prefix, agents, clients: [DEMO_CLIENT] };
}

function takeAdmin(folder: string): void {
  mkdirSync(join(folder, "keys"), { recursive: true, mode: 0o700 });
  copyFileSync(passwordFile(placeOf(process.env).keys, "admin"), passwordFile(join(folder, "keys"), "admin"));
}

async function startBroker({ choice, folder, prefix, shop }: Start): Promise<DemoBus> {
  const onProgress = (line: string): void => say(dim(`  ${line}`));
  // The tools' module reads the database's place when it is loaded.
  process.env["BUSBAR_SHOP"] = shop;
  const project = await loadDemoProject();
  const access = accessOf(choice, { folder, prefix, agents: Object.keys(project.policy.agents) });
  const bus = await during(
    "broker and schema registry start",
    startBus({ choice, access, stateDir: folder, temporary: true, registry: choice.kind !== "embedded", onProgress }),
  );
  undo.push(() => bus.stop());
  if (bus.registryUrl !== null)
    await during("schemas are registered", pushSchemas(bus.registryUrl, { compatibility: "FULL_TRANSITIVE" }));
  mkdirSync(resolve(".busbar"), { recursive: true });
  const embeddedFile = resolve(KEPT_FILE);
  if (bus.kind === "embedded")
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${embeddedFile}${suffix}`, { force: true });
  const demo = await during(
    "gateways and supervisor start",
    startDemoBus({ bus, project, folder, shop, prefix, embeddedFile }),
  );
  undo.push(() => demo.stop());
  return demo;
}

function effectsIn(shop: string): () => number {
  const database = new DatabaseSync(shop, { readOnly: true, timeout: 2000 });
  undo.push(() => database.close());
  const statement = database.prepare("SELECT count(*) AS rows FROM journal");
  return () => Number(statement.get()?.["rows"] ?? 0);
}

async function judge(bus: DemoBus, shop: string): Promise<CheckReport> {
  const records = await rawEvents(bus);
  const decode = (bytes: Uint8Array): unknown => {
    const decoded = bus.codec.decode(bytes, "event");
    return decoded.ok ? decoded.message : undefined;
  };
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  return check({ records, decode, database: shop, scopes: ["agent:looper"], partitions });
}

interface Reports {
  readonly frozen: FrozenReport;
  readonly halted: HaltedReport;
  readonly honest: HonestReport;
  readonly resumed: number;
  readonly checked: CheckReport;
}

/** What the checker says of the halt; -1 and empty where it saw none. */
function haltFacts(checked: CheckReport) {
  const [halt] = checked.halts;
  if (halt === undefined) return { admitted: -1, began: -1, owners: 0, named: 0, isProved: false };
  const { admittedAfterAcknowledgement: admitted, effectsAfterAcknowledgement: began, unacknowledged } = halt;
  const isProved = unacknowledged.length === 0 && admitted === 0 && began === 0;
  return { admitted, began, owners: halt.windows.length, named: halt.namedInFlight, isProved };
}

function lastScreen({ frozen, honest, resumed, checked }: Reports): boolean {
  const halt = haltFacts(checked);
  const { effects } = checked;
  const died = honest.killed ? `killed once, ${resumed} resumed` : "kill left out";
  chapter("What the log and the database say");
  say(
    `  effects admitted after acknowledgement: ${halt.admitted}   ${dim("(raw log, by a checker that shares no code with the gateway)")}`,
  );
  say(`  effects begun after acknowledgement:    ${halt.began}   ${dim("(the database's own journal)")}`);
  say();
  table(
    ["run", "result"],
    [
      ["1 without the bus", "the tables are gone"],
      ["2 with a freeze", `${frozen.refusals} refusals, ${frozen.haltedBy}`],
      ["  its claim", `"${frozen.claim}" / ${frozen.fact}`],
      [
        "3 halted in mid-run",
        `${halt.owners} of ${PARTITIONS} owners acknowledged, ${halt.named} effects named in flight`,
      ],
      ["honest agent", `${honest.completed} of ${honest.chains} chains completed, ${died}`],
      ["its refunds", `${honest.refunds} rows, ${honest.twice} done twice`],
      ["all effects", `${effects.effects} in the journal, ${effects.lost} lost, ${effects.duplicated} done twice`],
    ],
  );
  for (const { kind, effectKey, detail, evidence } of checked.findings)
    say(red(`  finding: ${kind} ${effectKey} ${detail} ${evidence}`));
  return halt.isProved && checked.findings.length === 0 && honest.completed === honest.chains && honest.twice === 0;
}

function lookDeeper({ frozen }: Reports, prefix: string): void {
  const where = `--log ${KEPT_FILE}${prefix === DEFAULT_PREFIX ? "" : ` --prefix ${prefix}`}`;
  say();
  say(bold("To look deeper:"));
  say(`  npx busbar trace ${frozen.handle.chainId} ${where}`);
  say(`  npx busbar events query --type HaltAcknowledged ${where}`);
  say(`  npx busbar status ${where}`);
}

async function countResumed(bus: DemoBus, honest: Honest): Promise<number> {
  let resumed = 0;
  for (const { chainId, partition } of honest.handles()) {
    const events = await eventsOf(bus, chainId, partition);
    if (events.some((event) => event.type === "TaskAssigned" && event.incarnation > 1)) resumed += 1;
  }
  return resumed;
}

async function demo(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-demo-"));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  const shop = join(folder, "shop.db");
  createShop(shop);
  const choice = await chooseBroker(process.env, machineProbes());
  say(describeChoice(choice));
  // On a broker that others use the demo keeps to topics of its own.
  const prefix = choice.kind === "given" ? `demo-${Date.now().toString(36)}` : DEFAULT_PREFIX;
  const starting = startBroker({ choice, folder, prefix, shop });
  starting.catch(() => undefined);
  await withoutTheBus(shop);
  const bus = await starting;
  const honest = new Honest(bus, shop);
  await during("the honest agents start", honest.start());
  const frozen = await underAFreeze(bus, shop);
  await honest.killInTheMiddle();
  const halted = await haltedByAPerson(bus, effectsIn(shop));
  const honestReport = await honest.finish();
  const resumed = await countResumed(bus, honest);
  const checked = await during("the checker reads log and journal", judge(bus, shop));
  const agents = Object.keys(bus.project.policy.agents);
  if (bus.hasProcesses) {
    const specs = topicSpecs({ prefix, partitions: PARTITIONS, agents, durability: "page-cache" });
    await during("the log is copied", keepLog(bus, specs, resolve(KEPT_FILE)));
  }
  const reports = { frozen, halted, honest: honestReport, resumed, checked };
  const isGood = lastScreen(reports);
  lookDeeper(reports, prefix);
  return isGood;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    process.stderr.write("\n  stopping: everything that was started is ended\n");
    void cleanUp().then(() => process.exit(signal === "SIGINT" ? 130 : 143));
  });
}

try {
  const isGood = await demo();
  await cleanUp();
  say();
  say(
    `${isGood ? green("Everything held.") : red("Something did not hold: see the findings above.")} ${elapsedSeconds()} s`,
  );
  process.exit(isGood ? 0 : 4);
} catch (error) {
  await cleanUp();
  process.stderr.write(`\n${isBusbarError(error) ? `${error.code}: ` : ""}${reasonOf(error)}\n`);
  if (isBusbarError(error)) process.stderr.write(`next: ${error.next}\n`);
  process.exit(isBusbarError(error) ? error.row.exitCode : 1);
}
