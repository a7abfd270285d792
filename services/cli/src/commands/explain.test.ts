import { ERRORS } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { run } from "../program.ts";
import { findCode } from "./explain.ts";

async function typed(
  ...args: readonly string[]
): Promise<{ readonly exitCode: number; readonly out: string; readonly err: string }> {
  let out = "";
  let err = "";
  const streams = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    width: null,
    hasColour: false,
  };
  return { exitCode: await run(args, streams), out, err };
}

describe("busbar explain", () => {
  it("knows every code, however it is typed [cli:explain]", async () => {
    for (const code of Object.keys(ERRORS)) {
      expect(findCode(code)).toBe(code);
      expect(findCode(code.replace("BUSBAR_", "").toLowerCase().replaceAll("_", "-"))).toBe(code);
    }
    const { exitCode, out } = await typed("explain", "freeze-active");
    expect(exitCode).toBe(0);
    expect(out).toContain(ERRORS.BUSBAR_FREEZE_ACTIVE.message);
    expect(out).toContain(ERRORS.BUSBAR_FREEZE_ACTIVE.next);
  });

  it("lists all codes without one, also for programs [cli:output-forms]", async () => {
    const { out } = await typed("-o", "jsonl", "explain");
    const codes = out
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { code: string }).code);
    expect(codes).toEqual(Object.keys(ERRORS).sort());
  });

  it("names similar codes for an unknown one and ends with 2 [cli:exit-codes]", async () => {
    const { exitCode, err } = await typed("explain", "BUSBAR_FREEZE");
    expect(exitCode).toBe(2);
    expect(err).toContain("next:  npx busbar explain BUSBAR_FREEZE_ACTIVE");
  });
});

describe("the command line", () => {
  it("suggests the command that was meant and ends with 2 [cli:exit-codes]", async () => {
    expect(await typed("explan")).toEqual({
      exitCode: 2,
      out: "",
      err: "busbar: unknown command 'explan' (Did you mean explain?)\n  next:  npx busbar help\n",
    });
    expect(await typed("explain", "--jsno")).toMatchObject({
      exitCode: 2,
      err: "busbar: unknown option '--jsno'\n  next:  npx busbar explain --help\n",
    });
    expect((await typed("-o", "yaml", "explain")).err).toContain("Allowed choices are table, json, jsonl");
  });

  it("takes the output form before and after the command [cli:output-forms]", async () => {
    const before = await typed("-o", "json", "explain", "BUSBAR_USAGE");
    expect(await typed("explain", "BUSBAR_USAGE", "-o", "json")).toEqual(before);
    expect(JSON.parse(before.out)).toMatchObject({ code: "BUSBAR_USAGE", exitCode: 2 });
  });

  it("shows help for everything and for one command, with 0", async () => {
    const help = await typed("--help");
    expect([help.exitCode, help.err]).toEqual([0, ""]);
    expect((await typed()).out).toBe(help.out);
    expect((await typed("help", "explain")).out).toContain("Usage: busbar explain");
    expect((await typed("explain", "--help")).out).toBe((await typed("help", "explain")).out);
  });
});
