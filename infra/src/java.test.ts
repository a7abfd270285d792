import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findJava, parseJavaVersion } from "./java.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "busbar-java-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function fakeJava(folder: string, version: string): string {
  const bin = path.join(home, folder);
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, "java"), `#!/bin/sh\necho 'openjdk version "${version}" 2025' >&2\n`);
  chmodSync(path.join(bin, "java"), 0o755);
  return bin;
}

describe("the Java of this machine", () => {
  it.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_292"', 8],
    ['openjdk version "21" 2023-09-19', 21],
    ['openjdk version "25-ea" 2025-09-16', 25],
    ["no such thing", undefined],
  ])("%s", (output, major) => expect(parseJavaVersion(output)?.major).toBe(major));

  it("is the one of JAVA_HOME before the one of the PATH", async () => {
    const env = { PATH: fakeJava("bin", "17.0.1"), JAVA_HOME: path.dirname(fakeJava("home/bin", "21.0.2")) };
    expect((await findJava(env)).version).toBe("21.0.2");
    expect((await findJava({ ...env, JAVA_HOME: path.join(home, "gone") })).version).toBe("17.0.1");
  });

  it.each([
    ["is missing", "", "java is not on the PATH"],
    ["is too old", "11.0.20", "java is version 11.0.20"],
  ])("that %s ends with what to install [infra:clear-failures]", async (_, version, reason) => {
    const env = { PATH: version === "" ? path.join(home, "nothing") : fakeJava("bin", version) };
    await expect(findJava(env)).rejects.toMatchObject({
      code: "BUSBAR_JAVA_MISSING",
      message: expect.stringContaining(reason),
      next: expect.stringContaining("install a JDK 17"),
    });
  });
});
