/**
 * What waits for the next turn of a partition. Control (directives, door, outcomes, timers) goes before commands, only
 * among undecided inputs. Commands are taken in offset order, each one once: position `next` and no other
 * (PROTOCOL 4.1); what is too much is not taken, and the follower is paused instead.
 */
import { covers } from "@busbar/events";
import type { Input } from "@busbar/policy";

export interface InputQueue {
  push(input: Input): void;
  shift(): Input | undefined;
  readonly length: number;
  readonly commands: number;
  /** Whether a halt that waits here covers the effect: then it must not be started (PROTOCOL 5.3). */
  hasHaltAgainst(asked: {
    readonly agent: string;
    readonly tool: string;
    readonly lineage: readonly string[];
  }): boolean;
  clear(): void;
}

const isCommand = (input: Input): boolean =>
  input.kind === "command" || input.kind === "undecodable" || input.kind === "gap";

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
    push: (input) => void (isCommand(input) ? commands : control).push(input),
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
