/** One line of the doctor. What a check may find is a row of the catalogue, by an id that stays the same. */
import type { FindingId } from "./catalog.ts";

/** What a line without a finding is about. */
export type Area =
  | "node"
  | "docker"
  | "java-maven"
  | "ports"
  | "disk"
  | "project"
  | "keys"
  | "bus"
  | "broker"
  | "registry"
  | "topics"
  | "group"
  | "policy"
  | "door"
  | "events"
  | "supervisor"
  | "clock"
  | "letters";

export interface Check {
  /** Of the finding; where all is well, the area that was looked at. */
  readonly id: FindingId | Area;
  /** `warn`: the bus works, and somebody may want to know. */
  readonly state: "ok" | "warn" | "fail";
  /** What it is about: a topic, a partition, a file; empty where the id says it. */
  readonly subject: string;
  readonly text: string;
  /** What to type about it. */
  readonly next?: string;
}

export const ok = (id: Area, text: string, subject = ""): Check => ({ id, state: "ok", subject, text });
export const warn = (id: FindingId, subject: string, text: string, next: string): Check => ({
  id,
  state: "warn",
  subject,
  text,
  next,
});
export const fail = (id: FindingId, subject: string, text: string, next: string): Check => ({
  id,
  state: "fail",
  subject,
  text,
  next,
});
