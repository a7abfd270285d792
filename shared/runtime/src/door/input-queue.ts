/**
 * What waits for the next turn of a partition. Control (directives, door, outcomes, timers) goes before commands, only
 * among undecided inputs. Commands are taken in offset order, each one once: position `next` and no other
 * (PROTOCOL 4.1); what is too much is not taken, and the follower is paused instead.
 */
import { covers } from "@busbar/events";
import type { Input } from "@busbar/policy";

export interface InputQueue {
  push(input: Input): void;
  /** What is left of an input that was begun: decided before anything else. */
  unshift(rest: Input): void;
  shift(): Input | undefined;
  readonly length: number;
  readonly commands: number;
  /** Whether a halt that waits here covers the effect: then it must not be started (PROTOCOL 5.3). */
  hasHaltAgainst(asked: {
    readonly agent: string;
    readonly tool: string;
    readonly lineage: readonly string[];
  }): boolean;
  /** Drops what came from the log and is undecided: its positions were not passed, so the next owner takes it. */
  dropFromLog(): void;
  clear(): void;
}

/** What came from the log, with its position; operators' answers never wait behind data (PROTOCOL 4.5). */
export const isFromLog = (input: Input): boolean =>
  input.kind === "command" || input.kind === "undecodable" || input.kind === "gap";

const isData = (input: Input): boolean => isFromLog(input) && "source" in input && input.source === "commands";

export function createInputQueue(): InputQueue {
  let control: Input[] = [];
  let commands: Input[] = [];
  let head = 0;
  const shiftCommand = (): Input | undefined => {
    const input = commands[head];
    if (input === undefined) return undefined;
    head += 1;
    if (head > 512 && head * 2 > commands.length) {
      commands = commands.slice(head);
      head = 0;
    }
    return input;
  };
  return {
    push: (input) => void (isData(input) ? commands : control).push(input),
    unshift: (rest) => {
      if (!isData(rest)) return void control.unshift(rest);
      head -= 1;
      commands[head] = rest;
    },
    dropFromLog: () => {
      control = control.filter((input) => !isFromLog(input));
      commands = [];
      head = 0;
    },
    shift: () => control.shift() ?? shiftCommand(),
    get length() {
      return control.length + commands.length - head;
    },
    get commands() {
      return commands.length - head;
    },
    hasHaltAgainst: (asked) =>
      control.some(
        (input) =>
          input.kind === "directives" &&
          input.applied.some((applied) => applied.kind === "Halt" && covers(applied.scope, asked)),
      ),
    clear: () => {
      control = [];
      commands = [];
      head = 0;
    },
  };
}
