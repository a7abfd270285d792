/** What the calls of a rollback undo. */
import type { CallState, ChainState } from "../partition-state.ts";

/** What a call of a rollback undoes, as an event id; empty for any other call. */
export function undoesOf({ rollback }: ChainState, { step }: CallState): string {
  return rollback?.undos[step - 1]?.undoes ?? "";
}
