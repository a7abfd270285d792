/**
 * The steps of a played run: its recorded calls and, where the policy names a tool that asks the person, each turn of
 * the person as a call of that tool.
 */
import { isJsonObject, type Json, parseJson } from "@busbar/kernel";
import type { Policy } from "@busbar/policy";
import type { RecordedAnswer, RecordedCall, RecordedRun } from "./recorded-run.ts";

/** One call as it is issued. */
export interface PlayedStep {
  readonly tool: string;
  readonly args: RecordedCall["args"];
  readonly answer: RecordedAnswer;
  /** Index of the recorded call; of a turn that of the last call before it, -1 where there is none. */
  readonly index: number;
  readonly isTurn: boolean;
}

export interface PlayedRun {
  readonly run: RecordedRun;
  readonly steps: readonly PlayedStep[];
}

/** The tool that asks the person; null where the policy has none. */
export function personTool(policy: Policy): string | null {
  return Object.entries(policy.tools).find(([, tool]) => tool.person === true)?.[0] ?? null;
}

const asRecorded = ({ tool, args, answer }: RecordedCall, index: number): PlayedStep => ({
  tool,
  args,
  answer,
  index,
  isTurn: false,
});

/** Tools of a recording answer in texts. A text that is a JSON object or list is that value for rules. */
function withValue(step: PlayedStep): PlayedStep {
  if (step.answer.kind !== "result") return step;
  const { result } = step.answer;
  return { ...step, answer: { kind: "result", result: valueOf(result) } };
}

function valueOf(result: Json): Json {
  const value = typeof result === "string" && /^\s*[[{]/.test(result) ? parseJson(result) : undefined;
  return value !== undefined && (isJsonObject(value) || Array.isArray(value)) ? value : result;
}

/** The steps as recorded; with `person`, turns of the person beside them and results as values. */
export function stepsOf(run: RecordedRun, person: string | null): readonly PlayedStep[] {
  if (person === null) return run.calls.map(asRecorded);
  const turnsAt = (before: number): readonly PlayedStep[] =>
    run.turns
      .filter((turn) => turn.before === before)
      .map(({ asked, answer }) => ({
        tool: person,
        args: { text: asked },
        answer: { kind: "result", result: answer },
        index: before - 1,
        isTurn: true,
      }));
  const steps = run.calls.flatMap((call, index) => [...turnsAt(index), withValue(asRecorded(call, index))]);
  return [...steps, ...turnsAt(run.calls.length)];
}
