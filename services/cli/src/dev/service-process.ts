/**
 * One service of `busbar dev` as a child process.
 *
 * V1 It is ready when it has printed its ready line; one that ends before is an error with what its log said last.
 * V2 It lives in a process group of its own, so that a Ctrl-C reaches us alone and we end it in our order; it holds a
 *    pipe of ours, so that it ends when we die without a word.
 * V3 One that dies on its own is started again, a bounded number of times in a minute.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createReadStream, createWriteStream, type WriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { busbarError, isJsonObject, type JsonObject, parseJson } from "@busbar/kernel";

export interface ServiceOptions {
  readonly name: string;
  /** Arguments of Node: the script and its own. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Its log, JSON lines; replaced at the first start, unless it is kept. */
  readonly logFile: string;
  readonly keepsLog?: boolean;
  /** How often it is started again within a minute; default 5. */
  readonly restartsMax?: number;
  readonly note: (line: string) => void;
  /** It ended too often; nothing of it runs. */
  readonly onGivenUp: (error: Error) => void;
}

const READY_BOUND_MS = 60_000;
const STOP_BOUND_MS = 15_000;
const PINO_ERROR = 50;
const RESTARTS_MAX = 5;
const RESTARTS_WINDOW_MS = 60_000;

const FLAGS = ["--disable-warning=TimeoutNegativeWarning", "--disable-warning=ExperimentalWarning"];

/** What a log of JSON lines complained about last; empty where it did not. */
export async function lastComplaint(logFile: string): Promise<string> {
  let complaint = "";
  for await (const line of createInterface({ input: createReadStream(logFile) })) {
    const entry = parseJson(line);
    const isComplaint = isJsonObject(entry) && Number(entry["level"]) >= PINO_ERROR && typeof entry["msg"] === "string";
    if (isComplaint) complaint = entry["msg"] as string;
    else if (entry === undefined && /^busbar: |Error\b/.test(line)) complaint = line.trim();
  }
  return complaint;
}

export class ServiceProcess {
  readonly #options: ServiceOptions;
  readonly #log: WriteStream;
  readonly #startedAt: number[] = [];
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: options.keepsLog === true ? "a" : "w" });
  }

  /** Resolves with the ready line. Throws BUSBAR_SERVICE_FAILED. */
  async start(): Promise<JsonObject> {
    const { args, env, name } = this.#options;
    this.#startedAt.push(performance.now());
    const child = spawn(process.execPath, [...FLAGS, ...args], {
      env: { ...env, BUSBAR_EXIT_WITH_PARENT: "1" },
      stdio: ["pipe", "pipe", "pipe"],
      detached: process.platform !== "win32",
    });
    this.#child = child;
    // Its end is noticed by the exit; a broken pipe tells nothing more.
    child.stdin.on("error", () => undefined);
    child.stderr.pipe(this.#log, { end: false });
    const exit = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    this.#exited = exit.then(() => undefined);
    const ready = await this.#readyLine(child, exit);
    void exit.then((how) => this.#onExit(how));
    return ready ?? (await this.#fail(name, await exit));
  }

  #readyLine(child: ChildProcess, exit: Promise<string>): Promise<JsonObject | null> {
    return new Promise((resolve) => {
      const bound = setTimeout(() => {
        child.kill("SIGKILL");
      }, READY_BOUND_MS);
      const settle = (ready: JsonObject | null): void => {
        clearTimeout(bound);
        resolve(ready);
      };
      void exit.then(() => settle(null));
      if (child.stdout === null) return;
      createInterface({ input: child.stdout }).on("line", (line) => {
        const entry = parseJson(line);
        if (isJsonObject(entry) && entry["ready"] === true) settle(entry);
        else this.#log.write(`${line}\n`);
      });
    });
  }

  async #fail(name: string, how: string): Promise<never> {
    this.#isStopping = true;
    const { logFile } = this.#options;
    const complaint = await lastComplaint(logFile);
    throw busbarError("BUSBAR_SERVICE_FAILED", {
      service: name,
      reason: complaint === "" ? how : complaint,
      file: logFile,
    });
  }

  async #onExit(how: string): Promise<void> {
    if (this.#isStopping) return;
    const { name, note, onGivenUp, restartsMax = RESTARTS_MAX } = this.#options;
    const recent = this.#startedAt.filter((at) => performance.now() - at < RESTARTS_WINDOW_MS);
    try {
      const times = recent.length > 1 ? `, ${recent.length} times within a minute` : "";
      if (recent.length > restartsMax) await this.#fail(name, `${how}${times}`);
      note(`${name} ended (${how}); starting it again`);
      await this.start();
      note(`${name} runs again`);
    } catch (error) {
      if (error instanceof Error) onGivenUp(error);
    }
  }

  /** SIGTERM, then SIGKILL after 15 s. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const child = this.#child;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      const bound = setTimeout(() => void child.kill("SIGKILL"), STOP_BOUND_MS);
      await this.#exited;
      clearTimeout(bound);
    }
    this.#log.end();
  }
}
