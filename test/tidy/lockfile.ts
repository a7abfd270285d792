/**
 * The lockfile's platform packages. npm leaves out of a lockfile the optional packages that it could not fetch for
 * other platforms, and then `npm ci` refuses that lockfile everywhere. `node test/tidy/lockfile.ts` puts them back,
 * with the platform that their names tell; npm checks their content against the registry when it installs one.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./layers.ts";

/** One package of a lockfile, as far as it matters here. */
export interface LockEntry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly license?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The packages of a lockfile by their paths; "" is the root. */
export type Packages = Readonly<Record<string, LockEntry>>;

const LOCKFILE = join(ROOT, "package-lock.json");
const SYSTEMS = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const PROCESSORS = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/** An optional package that the lockfile lacks. */
export interface Missing {
  readonly name: string;
  readonly version: string;
  readonly wantedBy: LockEntry;
}

/** The optional packages that a lockfile names and does not hold. */
export function missingOptional(packages: Packages): readonly Missing[] {
  return Object.entries(packages).flatMap(([path, wantedBy]) =>
    Object.entries(wantedBy.optionalDependencies ?? {})
      .filter(
        ([name]) =>
          packages[`node_modules/${name}`] === undefined && packages[`${path}/node_modules/${name}`] === undefined,
      )
      .map(([name, version]) => ({ name, version, wantedBy })),
  );
}

/** The lockfile's entry of a platform package, from its name: `binding-linux-x64-musl`. */
export function platformEntry({ name, version, wantedBy }: Missing): LockEntry {
  const words = name.split(/[-/]/u);
  const os = SYSTEMS.filter((each) => words.includes(each));
  const cpu = PROCESSORS.filter((each) => words.includes(each));
  if (cpu.length === 0) throw new Error(`${name} does not tell its platform`);
  const musl = words.some((word) => word.startsWith("musl")) ? ["musl"] : [];
  const libc = words.some((word) => word.startsWith("gnu")) ? ["glibc"] : musl;
  return {
    version,
    cpu,
    ...(wantedBy.dev === undefined ? {} : { dev: wantedBy.dev }),
    ...(os.includes("linux") && libc.length > 0 ? { libc } : {}),
    ...(wantedBy.license === undefined ? {} : { license: wantedBy.license }),
    optional: true,
    ...(os.length > 0 ? { os } : {}),
  };
}

/** The lockfile's packages. */
export function readLockedPackages(): Packages {
  const { packages }: { packages: Packages } = JSON.parse(readFileSync(LOCKFILE, "utf8"));
  return packages;
}

function complete(): void {
  const lock: { packages: Packages } = JSON.parse(readFileSync(LOCKFILE, "utf8"));
  const missing = missingOptional(lock.packages);
  const added = missing.map((each): [string, LockEntry] => [`node_modules/${each.name}`, platformEntry(each)]);
  const packages = [...Object.entries(lock.packages), ...added].toSorted(([a], [b]) => a.localeCompare(b, "en"));
  writeFileSync(LOCKFILE, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`);
  process.stdout.write(`${added.length} platform packages added to package-lock.json\n`);
}

if (import.meta.main) complete();
