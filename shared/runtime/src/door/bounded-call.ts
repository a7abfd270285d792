/**
 * A call that is cut off when it takes too long: for expressions of users over data of others, whose cost nobody can
 * tell (a regular expression, comprehensions over long lists). V8 ends whatever runs, without a thread.
 */
import { createContext, Script } from "node:vm";

const hand: { run: (() => unknown) | null } = { run: null };
const context = createContext(hand);
const CALL = new Script("run()");

/** What the call answers; undefined where it took longer. What it throws is thrown on. Not for calls within calls. */
export function withinTime<T>(limitMs: number, call: () => T): T | undefined {
  hand.run = call;
  try {
    return CALL.runInContext(context, { timeout: limitMs }) as T;
  } catch (error) {
    // It is an error of the other context, so no instance of this one's class.
    if ((error as { readonly code?: unknown } | null)?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return undefined;
    throw error;
  } finally {
    hand.run = null;
  }
}
