import { busbarError, ERRORS, type ErrorCode } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { asBusbarError, renderFailure } from "./failure.ts";

describe("failures", () => {
  it("say what, why, which code and what to type next [cli:error-says-next]", () => {
    const error = busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: "no answer" }, new Error("connect ECONNREFUSED"));
    expect(renderFailure(error, "table")).toBe(
      [
        "busbar: the log does not answer: no answer",
        "  why:   connect ECONNREFUSED",
        "  code:  BUSBAR_LOG_UNAVAILABLE (npx busbar explain BUSBAR_LOG_UNAVAILABLE)",
        "  next:  npx busbar doctor",
        "",
      ].join("\n"),
    );
  });

  it("say where, when the message does not", () => {
    const error = busbarError("BUSBAR_TOOL_FAILED", { tool: "mail", reason: "down", chain: "c1", partition: 2 });
    expect(renderFailure(error, "table")).toContain("  where: partition 2, chain c1\n");
  });

  it("are one JSON line for programs, with the exit code [cli:output-forms]", () => {
    const error = busbarError("BUSBAR_NOT_FOUND", { what: "chain", id: "x" });
    expect(JSON.parse(renderFailure(error, "json"))).toEqual({
      error: {
        code: "BUSBAR_NOT_FOUND",
        message: "chain x is not in the log",
        exitCode: 3,
        fields: { what: "chain", id: "x" },
        next: "npx busbar status",
      },
    });
  });

  it("of ours keep their code, and all else is internal [cli:exit-codes]", () => {
    expect(asBusbarError(new TypeError("x")).row.exitCode).toBe(1);
    const codes = Object.keys(ERRORS) as ErrorCode[];
    for (const code of codes) expect(asBusbarError(busbarError(code)).row.exitCode).toBe(ERRORS[code].exitCode);
  });

  it("do not let quoted text steer the terminal", () => {
    expect(renderFailure(busbarError("BUSBAR_USAGE", { reason: "a\u001b[2J\nb" }), "table")).toContain(
      "busbar: a\\u001b[2J\n  b\n",
    );
  });
});
