/** Downloads, with a script in place of Maven: what ends up in the cache, whatever Maven does. */
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchArtifact, isFetched, KAFKA, REGISTRY } from "./artifact.ts";
import { downloadedBytes, mavenReason } from "./maven.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "busbar-artifact-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const WHOLE_JAR = String.raw`printf 'PK\005\006' >"$out/${KAFKA.needed}"`;
const CUT_JAR = String.raw`printf 'PK\003\004' >"$out/${KAFKA.needed}"`;

/** An environment whose mvn does `body`, with the output folder in $out, and notes each run. */
function withMaven(body: string): NodeJS.ProcessEnv {
  const bin = path.join(home, "bin");
  mkdirSync(bin);
  const script = `#!/bin/sh
echo run >>"${home}/runs"
for arg; do case "$arg" in -Dbusbar.output=*) out=\${arg#*=};; esac; done
${body}
`;
  writeFileSync(path.join(bin, "mvn"), script);
  chmodSync(path.join(bin, "mvn"), 0o755);
  return { PATH: `${bin}:/usr/bin:/bin`, XDG_CACHE_HOME: path.join(home, "cache") };
}

const runs = () => readFileSync(path.join(home, "runs"), "utf8").trim().split("\n").length;
const cached = () => readdirSync(path.join(home, "cache", "busbar"));

describe("a download", () => {
  it("is made once, and says before it starts what and how much", async () => {
    const env = withMaven(WHOLE_JAR);
    const said: string[] = [];
    expect(isFetched(KAFKA, env)).toBe(false);
    const folder = await fetchArtifact(KAFKA, { env, onProgress: (line) => said.push(line) });
    expect(await fetchArtifact(KAFKA, { env })).toBe(folder);
    expect(isFetched(KAFKA, env)).toBe(true);
    expect(existsSync(path.join(folder, KAFKA.needed))).toBe(true);
    expect(runs()).toBe(1);
    expect(said[0]).toMatch(/^Apache Kafka 4\.3\.1 from Maven, up to \d+ MB, once, into /);
    expect(cached()).toEqual([path.basename(folder)]);
  });

  it.each([
    ["fails", `${WHOLE_JAR}; echo '[ERROR] Could not transfer artifact: Unknown host'; exit 1`, "Unknown host"],
    ["brings a jar that is cut off", CUT_JAR, "is damaged; remove it from your local Maven repository"],
    ["brings nothing", "true", `Maven brought no ${KAFKA.needed}`],
  ])("that %s leaves nothing and says what to do [infra:clear-failures]", async (_, body, reason) => {
    const env = withMaven(body);
    await expect(fetchArtifact(KAFKA, { env })).rejects.toMatchObject({
      code: "BUSBAR_MAVEN_FAILED",
      message: expect.stringContaining(reason),
      next: "check the network and type the command again",
    });
    expect(cached()).toEqual([]);
    expect(isFetched(KAFKA, env)).toBe(false);
  });

  it("without Maven says so [infra:clear-failures]", async () => {
    const env = { PATH: path.join(home, "nothing"), XDG_CACHE_HOME: path.join(home, "cache") };
    await expect(fetchArtifact(KAFKA, { env })).rejects.toMatchObject({ code: "BUSBAR_MAVEN_MISSING" });
    expect(cached()).toEqual([]);
  });

  it("that two processes ask for at once is made once", async () => {
    const env = withMaven(`sleep 0.3; ${WHOLE_JAR}`);
    const module = path.join(import.meta.dirname, "artifact.ts");
    const code = `const { fetchArtifact, KAFKA } = await import(process.argv[1]); console.log(await fetchArtifact(KAFKA));`;
    const ask = () =>
      new Promise<string>((resolve, reject) => {
        const child = spawn(process.execPath, ["--input-type=module", "-e", code, module], {
          env: { ...process.env, ...env },
        });
        let out = "";
        child.stdout.on("data", (data) => (out += String(data)));
        child.once("close", (status) =>
          status === 0 ? resolve(out.trim()) : reject(new Error(`ended with ${status}`)),
        );
      });
    const [first, second] = await Promise.all([ask(), ask()]);
    expect(first).toBe(second);
    expect(runs()).toBe(1);
    expect(cached()).toEqual([path.basename(first)]);
  });

  it("takes over the lock and the rest of a process that was killed", async () => {
    const env = withMaven(WHOLE_JAR);
    const folder = path.join(home, "cache", "busbar");
    mkdirSync(path.join(folder, "lock"), { recursive: true });
    mkdirSync(path.join(folder, "kafka-4.3.1-0.unfinished-x"));
    const dead = spawn("true");
    await new Promise((resolve) => dead.once("exit", resolve));
    writeFileSync(path.join(folder, "lock", "pid"), String(dead.pid));
    const fetched = await fetchArtifact(KAFKA, { env });
    expect(cached()).toEqual([path.basename(fetched)]);
  });
});

describe("what is downloaded", () => {
  it.each([KAFKA, REGISTRY])("$title has the version that its POM names", ({ pom, version, needed, title }) => {
    expect(readFileSync(pom, "utf8")).toContain(`<version>${version}</version>`);
    expect(needed).toContain(version);
    expect(title).toContain(version);
  });
});

describe("Maven's output", () => {
  it.each([
    ["[INFO] Downloaded from central: https://x/a.pom (3.9 kB at 32 kB/s)", 3900],
    ["[INFO] Downloaded from mirror: https://x/a.tar.gz (109 MB at 251 MB/s)", 109_000_000],
    ["Downloaded from central: https://x/a.jar (12 B at 1 B/s)", 12],
    ["[INFO] Downloading from central: https://x/a.pom", 0],
    ["[INFO] BUILD SUCCESS", 0],
  ])("%s", (line, bytes) => expect(downloadedBytes(line)).toBe(bytes));

  it("is cut down to the cause", () => {
    const lines = [
      "[INFO] Scanning for projects...",
      "[ERROR] Failed to execute goal x:2.10:unpack (default-cli) on project registry: Unable to find: Could not find artifact a:b:1 in central -> [Help 1]",
      "[ERROR] To see the full stack trace",
    ];
    expect(mavenReason(lines)).toBe("Could not find artifact a:b:1 in central");
    expect(mavenReason([])).toBe("it said nothing");
  });
});
