/**
 * Where a text stops being JSON. `JSON.parse` decides whether it is JSON; this only finds the place, so that the error
 * shows it. It stops at the first character that no JSON text could have there.
 */
import { busbarError, type Json, parseJson } from "@busbar/kernel";

export interface JsonFault {
  /** Index of the character; the length of the text where it ends too early. */
  readonly index: number;
  readonly expected: string;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const FIRST_PRINTABLE = 0x20;
const WORDS = ["true", "false", "null"];
const MAX_DEPTH = 500;

class Scanner {
  readonly #text: string;
  #at = 0;
  #fault: JsonFault | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  fault(): JsonFault | null {
    this.#space();
    if (!this.#value(0)) return this.#fault;
    this.#space();
    if (this.#at < this.#text.length) this.#expect("the end of the text");
    return this.#fault;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #space(): void {
    this.#take(SPACE);
  }

  #expect(expected: string): false {
    this.#fault ??= { index: this.#at, expected };
    return false;
  }

  #value(depth: number): boolean {
    if (depth > MAX_DEPTH) return this.#expect(`at most ${MAX_DEPTH} levels`);
    const character = this.#text[this.#at];
    if (character === "{") return this.#members(depth);
    if (character === "[") return this.#list("]", () => this.#value(depth + 1), "a value");
    if (character === '"') return this.#string();
    const word = WORDS.find((one) => this.#text.startsWith(one, this.#at));
    if (word !== undefined) this.#at += word.length;
    return word !== undefined || this.#take(NUMBER) || this.#expect("a value");
  }

  #string(): boolean {
    this.#at++;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (Number.isNaN(code)) return this.#expect('the closing "');
      if (code < FIRST_PRINTABLE) return this.#expect('a character that a string may hold, or "');
      const character = this.#text[this.#at];
      if (character === "\\") {
        if (!this.#take(ESCAPE)) return this.#expect("an escape like \\n or \\u00e9");
        continue;
      }
      this.#at++;
      if (character === '"') return true;
    }
  }

  #members(depth: number): boolean {
    const member = (): boolean => {
      if (this.#text[this.#at] !== '"') return this.#expect('a field name in "');
      if (!this.#string()) return false;
      this.#space();
      if (this.#text[this.#at] !== ":") return this.#expect(":");
      this.#at++;
      this.#space();
      return this.#value(depth + 1);
    };
    return this.#list("}", member, 'a field name in "');
  }

  #list(close: string, item: () => boolean, what: string): boolean {
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === close) {
      this.#at++;
      return true;
    }
    for (;;) {
      if (this.#at >= this.#text.length) return this.#expect(`${what} or ${close}`);
      if (!item()) return false;
      this.#space();
      const next = this.#text[this.#at];
      if (next === close) {
        this.#at++;
        return true;
      }
      if (next !== ",") return this.#expect(`, or ${close}`);
      this.#at++;
      this.#space();
    }
  }
}

/** Null for JSON. */
export function findJsonFault(text: string): JsonFault | null {
  return parseJson(text) === undefined ? (new Scanner(text).fault() ?? { index: 0, expected: "JSON" }) : null;
}

/** The value of a text. Throws BUSBAR_INPUT_INVALID with line, column and the line itself. */
export function readJson(what: string, text: string): Json {
  const value = parseJson(text);
  if (value !== undefined) return value;
  const { index, expected } = findJsonFault(text) ?? { index: 0, expected: "JSON" };
  const lines = text.slice(0, index).split("\n");
  const column = (lines.at(-1) ?? "").length;
  const line = text.split("\n")[lines.length - 1] ?? "";
  const found = text[index] === undefined ? "the end" : JSON.stringify(text[index]);
  const from = Math.max(0, column - 40);
  const shown = `${line.slice(from, column + 40)}\n${" ".repeat(column - from)}^`;
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what,
    reason: `line ${lines.length}, column ${column + 1}: ${expected} is expected, not ${found}\n${shown}`,
    next: `give JSON like '{"orderId": 1}', @file.json, or - for standard input`,
  });
}
