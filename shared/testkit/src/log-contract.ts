/**
 * The contract of the log as cases that every adapter passes (PROTOCOL 1, 2, 3.2 and 10).
 *
 * The cases know no test framework. A test file hands each one a subject:
 *
 *     for (const one of LOG_CONTRACT) test(one.name, () => runLogContractCase(one, subject));
 */
import { APPEND_CASES } from "./log-contract/append-cases.ts";
import { FOLLOW_CASES } from "./log-contract/follow-cases.ts";
import { GROUP_CASES } from "./log-contract/group-cases.ts";
import { PLACEMENT_CASES } from "./log-contract/placement-cases.ts";
import { PUBLISH_CASES } from "./log-contract/publish-cases.ts";
import { READ_CASES } from "./log-contract/read-cases.ts";
import { type LogContractCase, type LogContractSubject, notOffered } from "./log-contract/subject.ts";
import { TOPIC_CASES } from "./log-contract/topic-cases.ts";

export type { LogContractCase, LogContractSubject } from "./log-contract/subject.ts";

export const LOG_CONTRACT: readonly LogContractCase[] = [
  ...APPEND_CASES,
  ...PUBLISH_CASES,
  ...READ_CASES,
  ...FOLLOW_CASES,
  ...PLACEMENT_CASES,
  ...TOPIC_CASES,
  ...GROUP_CASES,
];

/** What the log does not offer, one line for each case that is left out because of it. */
export function leftOut(subject: LogContractSubject): readonly string[] {
  return LOG_CONTRACT.flatMap((one) => {
    const missing = notOffered(one, subject);
    return missing === null ? [] : [`${subject.log.capabilities.adapter}: no ${missing}, so not shown: ${one.name}`];
  });
}

/** Runs a case unless the log does not offer what it needs; false when it was left out. Rejects when it fails. */
export async function runLogContractCase(one: LogContractCase, subject: LogContractSubject): Promise<boolean> {
  if (notOffered(one, subject) !== null) return false;
  await one.run(subject);
  return true;
}
