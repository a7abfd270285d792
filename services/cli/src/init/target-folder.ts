/** The folder of a new project: whether it can become one, and its clean-up when it does not. */
import { access, constants, mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { busbarError, type BusbarError, reasonOf } from "@busbar/kernel";

/** What npm takes as the name of a package without a scope. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,213}$/u;
/** A folder that somebody has just made a git repository of is still empty. */
const HARMLESS: ReadonlySet<string> = new Set([".git"]);

const refuse = (reason: string, next: string, cause?: unknown): BusbarError =>
  busbarError("BUSBAR_INPUT_INVALID", { what: "busbar init", reason, next }, cause);

/** The project's name: `given`, else the folder's. Throws BUSBAR_INPUT_INVALID. */
export function projectName(folder: string, given?: string): string {
  const name = given ?? basename(resolve(folder));
  if (NAME.test(name)) return name;
  const rule =
    "a name is lower-case letters, digits, dots, dashes and underscores, and starts with one of the first two";
  throw refuse(`"${name}" is no name of a package: ${rule}`, `npx busbar init ${folder} --name my-agent`);
}

/** Throws BUSBAR_INPUT_INVALID for a folder inside of `repository`: npm would take the two for one project. */
export function assertOutside(folder: string, repository: string | null): void {
  if (repository === null) return;
  const path = relative(repository, resolve(folder));
  if (path.startsWith("..")) return;
  throw refuse(`${folder} lies inside of Busbar's own repository`, `npx busbar init ../${basename(resolve(folder))}`);
}

export interface TakenFolder {
  readonly path: string;
  /** Removes what was put into it, and the folder if it was not there before. */
  undo(): Promise<void>;
}

async function contentOf(path: string): Promise<readonly string[] | null> {
  try {
    return await readdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    if (code === "ENOTDIR")
      throw refuse(`${path} is a file, or lies below one`, "npx busbar init ../another-folder", error);
    throw refuse(`${path} cannot be read: ${reasonOf(error)}`, "npx busbar init ../another-folder", error);
  }
}

/** The folders above `path`, itself included, that are not there yet, highest first. */
async function missingFolders(path: string): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let one = path; (await contentOf(one)) === null && dirname(one) !== one; one = dirname(one))
    missing.unshift(one);
  return missing;
}

/** Makes the folder, or takes one that is empty. Throws BUSBAR_INPUT_INVALID. */
export async function takeFolder(folder: string): Promise<TakenFolder> {
  const path = resolve(folder);
  const content = await contentOf(path);
  const own = content?.filter((name) => !HARMLESS.has(name)) ?? [];
  if (own.length > 0) {
    const some = own.slice(0, 3).join(", ");
    throw refuse(`${path} is not empty (${some}${own.length > 3 ? ", …" : ""})`, "npx busbar init ../another-folder");
  }
  const missing = content === null ? await missingFolders(path) : [];
  const [top] = missing;
  try {
    // One by one: Node's recursive mkdir never ends where a file system takes no folders.
    for (const one of missing) await mkdir(one);
    await access(path, constants.W_OK);
  } catch (error) {
    throw refuse(`${path} cannot be written: ${reasonOf(error)}`, "npx busbar init ../another-folder", error);
  }
  const undo = async (): Promise<void> => {
    if (top !== undefined) return rm(top, { recursive: true, force: true });
    const names = (await readdir(path)).filter((name) => !HARMLESS.has(name));
    await Promise.all(names.map((name) => rm(join(path, name), { recursive: true, force: true })));
  };
  return { path, undo };
}
