/**
 * Freshness across chains (PROTOCOL 5.7): a change says which version of what it depends on its chain has read, and is
 * refused where another one is there. A read declares where its version stands, a change which read it depends on. The
 * tool compares, or the gateway reads once more right before it hands the change over.
 */
import { canonicalJson, isJsonObject, type Json, type JsonObject, own, parseJson, sha256Hex } from "@busbar/kernel";
import type { ChainState, SeenVersion } from "./partition-state.ts";
import type { Policy, ToolPolicy } from "./policy-document.ts";
import { fillTemplate } from "./template.ts";

/** What a change carries: the subject, the version that its chain read, and the offset of the record that told it. */
export interface ExpectedVersion {
  readonly subject: string;
  readonly version: string;
  readonly read: string;
}

/** A read that a change depends on, filled in. */
export interface DependedRead {
  readonly tool: string;
  readonly args: JsonObject;
  readonly subject: string;
}

/** Longer versions are known by their digest. */
const VERSION_CHARACTERS = 128;
/** Versions that one chain remembers; of more, the first read are forgotten and have to be read again. */
export const SEEN_KEPT = 256;

/** The version that a result tells; empty where its tool declares none. */
export function versionOf(tool: Pick<ToolPolicy, "version"> | undefined, args: Json, result: Json): string {
  if (tool?.version === undefined) return "";
  const value = fillTemplate(tool.version, { args, result });
  const text = typeof value === "string" ? value : canonicalJson(value);
  return text.length <= VERSION_CHARACTERS ? text : `sha256:${sha256Hex(text)}`;
}

/** What a read is about: its declared subject fields, else all its arguments. */
function subjectOfRead(name: string, tool: ToolPolicy, args: JsonObject): string {
  const about = tool.subject === null ? [args] : tool.subject.map((field) => own(args, field) ?? null);
  const text = canonicalJson([name, ...about]);
  return text.length <= VERSION_CHARACTERS ? text : canonicalJson([name, sha256Hex(text)]);
}

/** The read that a change depends on; null where it depends on none. */
export function dependedRead(policy: Policy, tool: ToolPolicy, args: Json): DependedRead | null {
  if (tool.dependsOn === undefined) return null;
  const { tool: name } = tool.dependsOn;
  const filled = fillTemplate(tool.dependsOn.args, { args });
  const read = own(policy.tools, name);
  if (!isJsonObject(filled) || read === undefined) return { tool: name, args: {}, subject: canonicalJson([name]) };
  return { tool: name, args: filled, subject: subjectOfRead(name, read, filled) };
}

/** What the chain has read of what a change depends on; null where it has not read it. */
export function expectedVersion(chain: ChainState, { subject }: DependedRead): ExpectedVersion | null {
  const seen = own(chain.seen, subject);
  return seen === undefined ? null : { subject, version: seen.version, read: seen.offset };
}

/** What a record of an admission expects; null where it expects nothing. */
export function parseExpected(text: string): ExpectedVersion | null {
  const value = text === "" ? undefined : parseJson(text);
  if (!isJsonObject(value)) return null;
  const { subject, version, read } = value;
  if (typeof subject !== "string" || typeof version !== "string" || typeof read !== "string") return null;
  return { subject, version, read };
}

/** The subject whose version a result tells: of a read its own, of a change the one that it depended on. */
function toldSubject(policy: Policy | null, name: string, args: string, expects: string): string | null {
  const tool = own(policy?.tools ?? {}, name);
  if (tool === undefined) return null;
  if (tool.effect !== "read") return parseExpected(expects)?.subject ?? null;
  const value = parseJson(args);
  return isJsonObject(value) ? subjectOfRead(name, tool, value) : null;
}

/** The versions that a chain knows after a call of it told one. */
export function withVersion(
  seen: ChainState["seen"],
  policy: Policy | null,
  call: { readonly name: string; readonly args: string; readonly expects: string },
  told: SeenVersion,
): ChainState["seen"] {
  const subject = told.version === "" ? null : toldSubject(policy, call.name, call.args, call.expects);
  if (subject === null) return seen;
  const { [subject]: _before, ...others } = seen;
  const entries = Object.entries(others);
  const kept = entries.length < SEEN_KEPT ? others : Object.fromEntries(entries.slice(entries.length - SEEN_KEPT + 1));
  return { ...kept, [subject]: told };
}
