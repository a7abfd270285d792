/** The project of this folder, where there is one. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { checkProject } from "@busbar/agent/project";
import type { ProjectChoice } from "../project-file.ts";
import { nextOf } from "./catalog.ts";
import { type Check, fail, ok } from "./check.ts";

export async function checkProjectFile({ file, isExample }: ProjectChoice): Promise<readonly Check[]> {
  if (isExample) return [ok("project", "none here; the examples are used")];
  if (!existsSync(file)) {
    if (process.env["BUSBAR_PROJECT"] === undefined) return [ok("project", "none here")];
    return [fail("project-invalid", file, "it is not there", nextOf("project-invalid", { file }))];
  }
  const faults = await checkProject(file, await readFile(file, "utf8"));
  if (faults.length === 0) return [ok("project", file)];
  return faults.map(({ line, column, reason, kind }) => {
    const id = kind === "name" ? "project-unknown-name" : "project-invalid";
    return fail(id, `${file}:${line}:${column}`, reason, nextOf(id, { file }));
  });
}
