import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { awaitDoors } from "./child-services.ts";
import { runningDev, takeFolder } from "./only-one.ts";
import { lastComplaint, ServiceProcess } from "./service-process.ts";

// Processes are started here: a busy machine gets more time, not another verdict.
const LIMIT_MS = 45_000;
vi.setConfig({ testTimeout: LIMIT_MS + 5000 });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-dev-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function service(
  source: string,
  notes: string[] = [],
  onGivenUp: (error: Error) => void = () => undefined,
): ServiceProcess {
  const script = join(folder, "service.mjs");
  writeFileSync(script, source);
  return new ServiceProcess({
    name: "it",
    args: [script],
    env: process.env,
    logFile: join(folder, "it.log"),
    note: (line) => notes.push(line),
    onGivenUp,
  });
}

const READY = 'console.log(JSON.stringify({ ready: true, pid: process.pid, http: "http://x" }));';

describe("a service of busbar dev", () => {
  it("is ready with its ready line, and ends at SIGTERM", async () => {
    const running = service(`console.error('{"level":30,"msg":"hello"}'); ${READY} setInterval(() => {}, 1000);`);
    const ready = await running.start();
    expect(ready).toMatchObject({ ready: true, http: "http://x" });
    await running.stop();
    expect(() => process.kill(Number(ready["pid"]), 0)).toThrow();
    // What the process said last may reach the file after its exit.
    await expect.poll(() => readFileSync(join(folder, "it.log"), "utf8"), { timeout: LIMIT_MS }).toContain("hello");
  });

  it("that ends before it is ready is an error with what its log complained about [cli:error-says-next]", async () => {
    const broken = service(`console.error('{"level":50,"msg":"the key cannot be read"}'); process.exitCode = 2;`);
    await expect(broken.start()).rejects.toMatchObject({
      code: "BUSBAR_SERVICE_FAILED",
      message: "it ended: the key cannot be read",
      fields: { file: join(folder, "it.log") },
    });
    await broken.stop();
  });

  it("that dies is started again", async () => {
    const notes: string[] = [];
    const running = service(`${READY} setInterval(() => {}, 1000);`, notes);
    process.kill(Number((await running.start())["pid"]), "SIGKILL");
    await vi.waitFor(() => expect(notes).toEqual(["it ended (signal SIGKILL); starting it again", "it runs again"]), {
      timeout: LIMIT_MS,
    });
    await running.stop();
  });

  it("that keeps dying is given up", async () => {
    const notes: string[] = [];
    let failure: unknown;
    const running = service(`${READY} setTimeout(() => process.exit(3), 5);`, notes, (error) => (failure = error));
    await running.start();
    await vi.waitFor(() => expect(failure).toMatchObject({ code: "BUSBAR_SERVICE_FAILED" }), { timeout: LIMIT_MS });
    await running.stop();
  });

  it("complains last with what was said last as an error", async () => {
    const log = join(folder, "x.log");
    writeFileSync(
      log,
      '{"level":50,"msg":"first"}\n{"level":50,"msg":"second"}\n{"level":30,"msg":"fine"}\n  at stack\n',
    );
    expect(await lastComplaint(log)).toBe("second");
    writeFileSync(log, "TypeError: x is not a function\n    at y\n");
    expect(await lastComplaint(log)).toBe("TypeError: x is not a function");
  });
});

describe("the doors of busbar dev", () => {
  it("are waited for until all are open", async () => {
    const pages = [
      [],
      [{ door: "open", reason: "" }],
      [
        { door: "open", reason: "" },
        { door: "closed", reason: "loading" },
      ],
    ];
    let asked = 0;
    await awaitDoors(2, () => {
      asked += 1;
      return Promise.resolve(
        pages[asked - 1] ?? [
          { door: "open", reason: "" },
          { door: "open", reason: "" },
        ],
      );
    });
    expect(asked).toBe(4);
  });
});

describe("the folder of busbar dev", () => {
  it("is one process's at a time, and one that was killed leaves it free", async () => {
    const record = join(folder, "dev.json");
    const { release } = await takeFolder(folder);
    expect(await runningDev(folder)).toBeNull();
    writeFileSync(
      record,
      JSON.stringify({
        pid: process.ppid,
        command: readFileSync(`/proc/${process.ppid}/cmdline`, "utf8").replaceAll("\0", " ").trim(),
      }),
    );
    await expect(takeFolder(folder)).rejects.toMatchObject({ next: "npx busbar status" });
    writeFileSync(record, JSON.stringify({ pid: process.ppid, command: "another program" }));
    expect(await runningDev(folder)).toBeNull();
    await release();
    expect(await runningDev(folder)).toBeNull();
  });
});
