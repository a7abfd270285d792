import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../project-file.ts";
import { providePackages } from "./package-source.ts";
import { NODE_VERSIONS, projectManifest, TOOL_VERSIONS } from "./project-manifest.ts";
import { assertOutside, projectName, takeFolder } from "./target-folder.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-init-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("the name of a new project", () => {
  it("is the folder's, or the one that was given", () => {
    expect(projectName("../my-agent")).toBe("my-agent");
    expect(projectName("../My Agent", "my_agent.2")).toBe("my_agent.2");
  });

  it.each(["My-Agent", "my agent", ".agent", "-agent", "a/../Ä", "a".repeat(215)])(
    "%j is refused, with a line that is not [outside:init-refuses]",
    (name) => {
      expect(() => projectName("../x", name)).toThrow(
        expect.objectContaining({ code: "BUSBAR_INPUT_INVALID", next: "npx busbar init ../x --name my-agent" }),
      );
    },
  );
});

describe("the folder of a new project", () => {
  it("is made with the folders above it, and goes with them when the project fails [outside:init-refuses]", async () => {
    const { path, undo } = await takeFolder(join(folder, "a/b"));
    writeFileSync(join(path, "half.txt"), "");
    await undo();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("that was there stays, empty as it was, its git repository included [outside:init-refuses]", async () => {
    mkdirSync(join(folder, ".git"));
    const { path, undo } = await takeFolder(folder);
    mkdirSync(join(path, "vendor"));
    await undo();
    expect(readdirSync(folder)).toEqual([".git"]);
  });

  it("that is not empty is refused and named with what is in it, and nothing is touched [outside:init-refuses]", async () => {
    for (const name of ["a", "b", "c", "d"]) writeFileSync(join(folder, name), "mine");
    await expect(takeFolder(folder)).rejects.toMatchObject({
      code: "BUSBAR_INPUT_INVALID",
      message: expect.stringContaining("is not empty (a, b, c, …)") as string,
    });
    expect(readdirSync(folder)).toHaveLength(4);
  });

  it("that is a file, or cannot be made, is refused with the reason [outside:init-refuses]", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(takeFolder(join(folder, "file"))).rejects.toThrow(/is a file/u);
    await expect(takeFolder(join(folder, "file/below"))).rejects.toThrow(/lies below one/u);
    await expect(takeFolder("/proc/busbar-agent")).rejects.toThrow(/cannot be written/u);
  });

  it("inside of the repository is refused [outside:init-refuses]", () => {
    expect(() => {
      assertOutside("/clone/my-agent", "/clone");
    }).toThrow(expect.objectContaining({ next: "npx busbar init ../my-agent" }));
    expect(() => {
      assertOutside("/clone", "/clone");
    }).toThrow(/repository/u);
    assertOutside("/clone-2/my-agent", "/clone");
    assertOutside("/clone/my-agent", null);
  });
});

/** A project that has installed the command line, by npm's own notes. */
function installedIn(project: string, resolved: string): string {
  const own = join(project, "node_modules/@busbar/cli");
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "package.json"), JSON.stringify({ version: "1.2.3" }));
  const packages = {
    "node_modules/@busbar/cli": { resolved },
    "node_modules/yaml": { resolved: "https://registry/yaml.tgz" },
  };
  writeFileSync(join(project, "node_modules/.package-lock.json"), JSON.stringify({ packages }));
  return own;
}

describe("the packages of a new project", () => {
  it("are the tarballs that this command line was installed from", async () => {
    const own = installedIn(join(folder, "first"), "file:vendor/busbar-cli-1.2.3.tgz");
    mkdirSync(join(folder, "first/vendor"));
    writeFileSync(join(folder, "first/vendor/busbar-cli-1.2.3.tgz"), "bytes");
    const source = await providePackages(join(folder, "second"), own, null);
    expect(source).toEqual({ kind: "tarballs", files: { "@busbar/cli": "busbar-cli-1.2.3.tgz" } });
    expect(readFileSync(join(folder, "second/vendor/busbar-cli-1.2.3.tgz"), "utf8")).toBe("bytes");
  });

  it("are a version of the registry where it came from one", async () => {
    const own = installedIn(join(folder, "first"), "https://registry/@busbar/cli/-/cli-1.2.3.tgz");
    expect(await providePackages(join(folder, "second"), own, null)).toEqual({ kind: "registry", version: "1.2.3" });
    expect(existsSync(join(folder, "second/vendor"))).toBe(false);
    const manifest = JSON.parse(projectManifest("x", { kind: "registry", version: "1.2.3" })) as Record<
      string,
      unknown
    >;
    expect(manifest["dependencies"]).toEqual({ "@busbar/agent": "^1.2.3", "@busbar/cli": "^1.2.3" });
    expect(manifest).not.toHaveProperty("overrides");
  });
});

describe("the manifest of a new project", () => {
  it("names every package as a file, the ones that others need as overrides", () => {
    const names = ["@busbar/agent", "@busbar/cli", "@busbar/kernel", "@busbar/testkit"];
    const files = Object.fromEntries(names.map((name) => [name, `${name.slice(8)}.tgz`]));
    expect(JSON.parse(projectManifest("x", { kind: "tarballs", files }))).toMatchObject({
      name: "x",
      dependencies: { "@busbar/agent": "file:vendor/agent.tgz", "@busbar/cli": "file:vendor/cli.tgz" },
      devDependencies: { "@busbar/testkit": "file:vendor/testkit.tgz" },
      overrides: { "@busbar/kernel": "file:vendor/kernel.tgz" },
    });
  });

  it("has the tools and the Node that this repository is tested with", () => {
    const root = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      readonly devDependencies: object;
      readonly optionalDependencies: object;
    };
    expect(root.devDependencies).toMatchObject(TOOL_VERSIONS);
    expect(root.optionalDependencies).toEqual(NODE_VERSIONS);
  });
});
