/**
 * Users and permissions of a broker, made to be what a table says (StandardAuthorizer, SCRAM). For whoever sets a bus
 * up, with a super user's credentials; no service of a bus needs any of it.
 *
 * U1 What a principal of the table may do is exactly what the table says: what is missing is added, what is more is
 *    taken away. Principals that the table does not name are left alone.
 * U2 Applying it twice is applying it once; it resolves when the broker that was asked goes by it.
 */
import { setTimeout as pause } from "node:timers/promises";
import { randomBytes } from "node:crypto";
import { busbarError, reasonOf } from "@busbar/kernel";
import kafkajs, { type AclEntry, type AclOperationTypes, type AclResourceTypes, type Admin, Kafka } from "kafkajs";
import { clientConfig } from "./client-config.ts";
import { BrokerLink } from "./internals.ts";
import { type KafkaLogOptions, kafkaSettings } from "./options.ts";
import { within } from "./producer.ts";
import { alterScramRequest, saltedPassword, type ScramCredential } from "./scram.ts";
import { SocketSet } from "./sockets.ts";

// Not among the names that an ES module can import from kafkajs.
const {
  AclOperationTypes: Operation,
  AclPermissionTypes: Permission,
  AclResourceTypes: Resource,
  ResourcePatternTypes: Pattern,
} = kafkajs;

export interface ScramUser {
  readonly name: string;
  readonly password: string;
}

export type AccessOperation = "read" | "write" | "create" | "describe" | "describe-configs";

/** One permission; everything that no rule allows is denied. */
export interface AccessRule {
  readonly user: string;
  readonly operation: AccessOperation;
  readonly resource: "topic" | "group" | "cluster";
  readonly name: string;
  /** The name is the beginning of the names that are meant. */
  readonly prefixed?: boolean;
}

export interface Access {
  readonly users: readonly ScramUser[];
  readonly rules: readonly AccessRule[];
}

/** How often the cluster's name stands for it in permissions. */
export const CLUSTER = "kafka-cluster";
const ITERATIONS = 4096;
const SALT_BYTES = 24;
const ATTEMPTS = 3;
const LIMIT_MS = 20_000;
const POLL_MS = 20;

const OPERATIONS: Readonly<Record<AccessOperation, AclOperationTypes>> = {
  read: Operation.READ,
  write: Operation.WRITE,
  create: Operation.CREATE,
  describe: Operation.DESCRIBE,
  "describe-configs": Operation.DESCRIBE_CONFIGS,
};
const RESOURCES: Readonly<Record<AccessRule["resource"], AclResourceTypes>> = {
  topic: Resource.TOPIC,
  group: Resource.GROUP,
  cluster: Resource.CLUSTER,
};

function entryOf(rule: AccessRule): AclEntry {
  return {
    principal: `User:${rule.user}`,
    host: "*",
    operation: OPERATIONS[rule.operation],
    permissionType: Permission.ALLOW,
    resourceType: RESOURCES[rule.resource],
    resourceName: rule.name,
    resourcePatternType: rule.prefixed === true ? Pattern.PREFIXED : Pattern.LITERAL,
  };
}

const keyOf = (one: AclEntry): string =>
  [
    one.principal,
    one.host,
    one.operation,
    one.permissionType,
    one.resourceType,
    one.resourcePatternType,
    one.resourceName,
  ].join(" ");

async function entriesOf(admin: Admin, principals: ReadonlySet<string>): Promise<readonly AclEntry[]> {
  const { resources } = await admin.describeAcls({
    resourceType: Resource.ANY,
    resourcePatternType: Pattern.ANY,
    operation: Operation.ANY,
    permissionType: Permission.ANY,
  });
  return resources
    .flatMap(({ acls, resourceName, resourceType, resourcePatternType }) =>
      acls.map((acl) => ({ ...acl, resourceName, resourceType, resourcePatternType })),
    )
    .filter(({ principal }) => principals.has(principal));
}

async function applyRules(admin: Admin, { users, rules }: Access): Promise<void> {
  const principals = new Set(users.map(({ name }) => `User:${name}`));
  const wanted = new Map(rules.map((rule) => [keyOf(entryOf(rule)), entryOf(rule)]));
  const isThere = async (): Promise<boolean> => {
    const found = new Set((await entriesOf(admin, principals)).map(keyOf));
    return found.size === wanted.size && [...wanted.keys()].every((key) => found.has(key));
  };
  const found = new Map((await entriesOf(admin, principals)).map((one) => [keyOf(one), one]));
  const missing = [...wanted].flatMap(([key, one]) => (found.has(key) ? [] : [one]));
  const extra = [...found].flatMap(([key, one]) => (wanted.has(key) ? [] : [one]));
  if (missing.length > 0) await admin.createAcls({ acl: missing });
  if (extra.length > 0) await admin.deleteAcls({ filters: extra });
  // The controller has them when it answers; this broker's authorizer a moment later.
  const endMs = Date.now() + LIMIT_MS;
  while (!(await isThere())) {
    if (Date.now() > endMs) throw new Error("the broker does not show the permissions that it was given");
    await pause(POLL_MS);
  }
}

async function credentialOf({ name, password }: ScramUser): Promise<ScramCredential> {
  const salt = randomBytes(SALT_BYTES);
  return { name, salt, iterations: ITERATIONS, saltedPassword: await saltedPassword(password, salt, ITERATIONS) };
}

async function setUsers(options: KafkaLogOptions, users: readonly ScramUser[]): Promise<void> {
  const credentials = await Promise.all(users.map(credentialOf));
  const settings = kafkaSettings(options);
  const sockets = new SocketSet(settings.route);
  const link = new BrokerLink(clientConfig(settings, sockets), sockets);
  try {
    const refused = await within(link.ask(alterScramRequest(credentials)), LIMIT_MS, "setting users");
    const [first] = refused;
    if (first !== undefined) throw new Error(`user ${first.name}: ${first.reason}`);
  } finally {
    link.close();
  }
}

/** kafkajs's own word on an error. */
const mayRepeat = (cause: unknown): boolean =>
  cause instanceof Error && "retriable" in cause && cause.retriable === true;

/**
 * Makes users and permissions as the table says (U1). A broker that has just started, or a busy machine, may leave a
 * question without an answer; all of them may be repeated. Throws BUSBAR_ACCESS_FAILED.
 */
export async function applyAccess(options: KafkaLogOptions, access: Access): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await applyOnce(options, access);
    } catch (cause) {
      if (attempt < ATTEMPTS && mayRepeat(cause)) continue;
      throw busbarError("BUSBAR_ACCESS_FAILED", { brokers: options.brokers.join(","), reason: reasonOf(cause) }, cause);
    }
  }
}

async function applyOnce(options: KafkaLogOptions, access: Access): Promise<void> {
  const settings = kafkaSettings(options);
  const sockets = new SocketSet(settings.route);
  const admin = new Kafka(clientConfig(settings, sockets)).admin();
  try {
    await within(admin.connect(), LIMIT_MS, "connecting to the broker");
    // Users first: whoever sees the last permission sees the users too.
    await setUsers(options, access.users);
    await within(applyRules(admin, access), LIMIT_MS * 2, "setting permissions");
  } finally {
    await admin.disconnect().catch(() => undefined);
    sockets.destroyAll();
  }
}
