/**
 * Who said what in a recording. A turn of the person is, for the bus, the result of a tool: what the person said is a
 * fact that rules may rest on, what the agent said is not.
 */
import type { Json } from "@busbar/kernel";
import type { RecordedRun, RecordedTurn } from "./recorded-run.ts";

const PERSON = "user";
const AGENT: ReadonlySet<unknown> = new Set(["assistant", "agent"]);

/** Takes what is said in its order; other voices, and what is no text, are passed over. */
export class Talk {
  #opening: string | null = null;
  #asked: string[] = [];
  readonly #turns: RecordedTurn[] = [];

  /** `before`: calls before it. */
  add(who: Json | undefined, text: Json | undefined, before: number): void {
    if (typeof text !== "string") return;
    const said = text.toWellFormed();
    if (AGENT.has(who) && said !== "") this.#asked.push(said);
    if (who !== PERSON) return;
    if (this.#opening === null) this.#opening = said;
    else this.#turns.push({ before, asked: this.#asked.join("\n"), answer: said });
    this.#asked = [];
  }

  get taken(): Pick<RecordedRun, "opening" | "turns"> {
    return { opening: this.#opening ?? "", turns: this.#turns };
  }
}
