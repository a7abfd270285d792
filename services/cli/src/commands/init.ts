/** `busbar init`: a folder with an agent, a tool, their test and a project file, ready for npm install. */
import { cp, readFile, rename, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Command } from "commander";
import { outputOf } from "../command-output.ts";
import { providePackages, repositoryRoot } from "../init/package-source.ts";
import { type PackageSource, projectManifest, VENDOR } from "../init/project-manifest.ts";
import { assertOutside, projectName, takeFolder } from "../init/target-folder.ts";

const TEMPLATE = join(import.meta.dirname, "../../template");
/** npm leaves files of these names out of a package, so that the template has them without the dot. */
const DOTTED = ["gitignore", "npmrc"];
const VENDOR_NOTE = `
\`${VENDOR}/\` holds the packages of Busbar, packed from a clone of it: they are in no registry. Commit it. To take those of a
newer clone, type \`npm run pack -- --to <this folder>/${VENDOR}\` there, then here:

    rm -r node_modules package-lock.json
    npm install
`;

async function writeProject(folder: string, name: string, source: PackageSource): Promise<void> {
  await cp(TEMPLATE, folder, { recursive: true });
  for (const file of DOTTED) await rename(join(folder, file), join(folder, `.${file}`));
  const readme = join(folder, "README.md");
  const note = source.kind === "tarballs" ? VENDOR_NOTE : "";
  const text = (await readFile(readme, "utf8")).replaceAll("{{name}}", name).replace("{{vendor}}\n", note);
  await writeFile(readme, text);
  await writeFile(join(folder, "package.json"), projectManifest(name, source));
}

async function init(given: string, options: { readonly name?: string }, self: Command): Promise<void> {
  const output = outputOf(self);
  const name = projectName(given, options.name);
  assertOutside(given, repositoryRoot());
  const folder = await takeFolder(given);
  try {
    if (repositoryRoot() !== null) output.note("packing this repository");
    const source = await providePackages(folder.path);
    await writeProject(folder.path, name, source);
    const packages = source.kind === "tarballs" ? Object.keys(source.files).length : 0;
    const from = packages > 0 ? `${packages} packages in ${VENDOR}/` : "its packages are in the registry";
    output.answer({ value: { name, folder: folder.path, source: source.kind }, text: () => `made ${name}: ${from}` });
  } catch (error) {
    await folder.undo();
    throw error;
  }
  output.note(`next: cd ${relative(process.cwd(), folder.path) || "."}`);
  output.note("      npm install && npm test");
  output.note("      npx busbar dev");
}

export function initCommand(): Command {
  return new Command("init")
    .description(
      "Makes a project in a new folder: an agent, a tool, their test, and everything that npm install needs.",
    )
    .argument("<folder>", "a folder that is empty or not there yet, outside of this repository")
    .option("--name <name>", "the project's name (default: the folder's)")
    .action(init);
}
