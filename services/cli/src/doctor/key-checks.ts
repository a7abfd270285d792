/** The key folder: what this machine needs to give orders, who may read it, and whether the halves belong together. */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ORDER_ROLES } from "@busbar/infra";
import { reasonOf } from "@busbar/kernel";
import { nextOf } from "./catalog.ts";
import { type Check, fail, ok, warn } from "./check.ts";

const OTHERS = 0o077;
/** Keys, private halves, and passwords for the broker. */
const SECRET = /\.(?:key|pem|sasl)$/;

const der = (key: KeyObject): string => key.export({ type: "spki", format: "der" }).toString("hex");

/** Null where both halves are there and belong together, or only the public one is. */
function pairFault(privateFile: string, publicFile: string): string | null {
  if (!existsSync(privateFile)) return null;
  if (!existsSync(publicFile)) return "the public half is missing";
  try {
    const own = der(createPublicKey(createPrivateKey(readFileSync(privateFile))));
    return own === der(createPublicKey(readFileSync(publicFile)))
      ? null
      : "the public half belongs to another private half";
  } catch (error) {
    return `it is no pair of Ed25519 keys: ${reasonOf(error)}`;
  }
}

function checkPairs(folder: string): readonly Check[] {
  return ORDER_ROLES.flatMap((role) => {
    const files = { private: join(folder, `${role}.pem`), public: join(folder, `${role}.pub.pem`) };
    const fault = pairFault(files.private, files.public);
    if (fault !== null) return [fail("keys-mismatch", files.public, fault, nextOf("keys-mismatch", files))];
    if (existsSync(files.public)) return [];
    return [fail("keys-missing", files.public, "it is not there", nextOf("keys-missing"))];
  });
}

/** Others may hold the keys of gateway and supervisor; orders of a person are given from here. */
function checkOperator(folder: string): readonly Check[] {
  const file = join(folder, "operator.pem");
  if (existsSync(file)) return [];
  const half = join(folder, "operator.pub.pem");
  // Made anew, the private half would not belong to a public half that stayed.
  const next = existsSync(half) ? `rm ${half} && ${nextOf("keys-missing")}` : nextOf("keys-missing");
  return [fail("keys-missing", file, "it is not there: no order can be given from here", next)];
}

function checkAgents(folder: string, agents: readonly string[]): readonly Check[] {
  const missing = agents.map((agent) => join(folder, "agents", `${agent}.key`)).filter((file) => !existsSync(file));
  return missing.map((file) =>
    warn("keys-missing", file, "it is not there: the agent cannot sign its commands", nextOf("keys-missing")),
  );
}

/** Every secret file of the folder that others may read. */
function checkModes(folder: string): readonly Check[] {
  if (process.platform === "win32") return [];
  const files = ["", "agents", "clients"]
    .map((name) => join(folder, name))
    .filter((place) => existsSync(place))
    .flatMap((place) => readdirSync(place).map((name) => join(place, name)))
    .filter((file) => SECRET.test(file) && !file.endsWith(".pub.pem"));
  return files.flatMap((file) => {
    const mode = statSync(file).mode & 0o777;
    const text = `its mode is ${mode.toString(8)}`;
    return (mode & OTHERS) === 0 ? [] : [fail("keys-readable", file, text, nextOf("keys-readable", { file }))];
  });
}

export function checkKeys(folder: string, agents: readonly string[]): readonly Check[] {
  if (!existsSync(folder)) return [fail("keys-missing", folder, "there is no key folder", nextOf("keys-missing"))];
  const findings = [
    ...checkOperator(folder),
    ...checkPairs(folder),
    ...checkAgents(folder, agents),
    ...checkModes(folder),
  ];
  return findings.length === 0 ? [ok("keys", folder)] : findings;
}
