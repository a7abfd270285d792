/** The output of a running command: its form from the command line, its streams from whoever runs the program. */
import type { Command } from "commander";
import { createOutput, type Output, type OutputForm, processStreams, type Streams } from "./output.ts";

const STREAMS = new WeakMap<Command, Streams>();

/** Said once by the program, before it parses. */
export function bindStreams(program: Command, streams: Streams): void {
  STREAMS.set(program, streams);
}

const EXIT_CODES = new WeakMap<Command, number>();

function rootOf(command: Command): Command {
  let root = command;
  while (root.parent !== null) root = root.parent;
  return root;
}

/** For a command that did what it was asked to do, and whose answer is not good news. */
export function endWith(command: Command, exitCode: number): void {
  EXIT_CODES.set(rootOf(command), exitCode);
}

export function exitCodeOf(program: Command): number {
  return EXIT_CODES.get(program) ?? 0;
}

export function outputOf(command: Command): Output {
  const root = rootOf(command);
  const { output } = command.optsWithGlobals<{ output?: OutputForm }>();
  return createOutput(output ?? "table", STREAMS.get(root) ?? processStreams());
}
