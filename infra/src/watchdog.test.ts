import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished, test, vi } from "vitest";

const BOUND = { timeout: 60_000 };

const STARTER = `
  import { spawn } from "node:child_process";
  import { watch } from ${JSON.stringify(path.join(import.meta.dirname, "watchdog.ts"))};
  const [folder] = process.argv.slice(1);
  const marker = "-Dbusbar.data=" + folder;
  const writes = 'while true; do mkdir -p "$1"; sleep 0.02; done';
  spawn("sh", ["-c", writes, "sh", folder, marker, "end"], { detached: true, stdio: "ignore" });
  watch(0, marker, folder);
  process.stdout.write("begun");
  setInterval(() => undefined, 1000);
`;

test.skipIf(process.platform === "win32")(
  "a folder goes with its starter, and so does a process that writes it and had no watchdog yet [infra:clean-stop]",
  { timeout: 60_000 },
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "busbar-watchdog-test-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const processes = (): string => spawnSync("ps", ["-ww", "-A", "-o", "command="], { encoding: "utf8" }).stdout;
    const starter = spawn(process.execPath, ["--input-type=module", "-e", STARTER, folder], { stdio: "pipe" });
    await new Promise((resolve) => starter.stdout.once("data", resolve));
    starter.kill("SIGKILL");
    await vi.waitFor(() => {
      if (processes().includes(folder)) throw new Error("a process of the folder runs");
    }, BOUND);
    if (existsSync(folder)) throw new Error("the folder is there");
  },
);
