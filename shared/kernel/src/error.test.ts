import { describe, expect, it } from "vitest";
import { BusbarError, busbarError, type ErrorFields, isBusbarError, reasonOf } from "./error.ts";

describe("an error", () => {
  it("fills message and next step from its fields [cli:error-says-next]", () => {
    const error = busbarError("BUSBAR_HALT_ACTIVE", { scope: "fleet", fence: "17", reason: "audit" });
    expect(error.message).toBe("fleet is halted (fence 17): audit");
    expect(error.next).toBe('npx busbar resume fleet --fence 17 --reason "<why>"');
    expect([error.code, error.disposition, error.row.exitCode]).toEqual(["BUSBAR_HALT_ACTIVE", "refused", 5]);
  });

  it("leaves a field that nobody gave as it stands, and takes no field from the prototype [cli:error-says-next]", () => {
    expect(busbarError("BUSBAR_PORT_IN_USE").message).toBe("port {port} is in use");
    expect(busbarError("BUSBAR_PORT_IN_USE", Object.create({ port: 1 }) as ErrorFields).message).toBe(
      "port {port} is in use",
    );
  });

  it("fills what a value brings as text, not as a template", () => {
    const error = busbarError("BUSBAR_INPUT_INVALID", { what: "{reason}", reason: "$& $1", next: "x" });
    expect(error.message).toBe("{reason}: $& $1");
  });

  it("keeps its cause, and has none where none was given", () => {
    const cause = new Error("socket closed");
    expect(busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: "x" }, cause).cause).toBe(cause);
    expect("cause" in busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: "x" })).toBe(false);
  });

  it("is known by its brand, across copies of the package", () => {
    const fromACopy = { [Symbol.for("dev.busbar.error")]: true };
    expect([isBusbarError(busbarError("BUSBAR_TIMEOUT")), isBusbarError(fromACopy)]).toEqual([true, true]);
    expect([null, undefined, "BUSBAR_TIMEOUT", new Error("x"), {}].some(isBusbarError)).toBe(false);
    expect(busbarError("BUSBAR_TIMEOUT")).toBeInstanceOf(BusbarError);
  });
});

describe("the reason of anything thrown", () => {
  it.each([
    [new Error("no"), "no"],
    [new TypeError(""), "TypeError"],
    ["text", "text"],
    [null, "null"],
    [undefined, "undefined"],
    [{ a: 1 }, "[object Object]"],
  ])("of %o is %s", (thrown, expected) => {
    expect(reasonOf(thrown)).toBe(expected);
  });

  it("is at most 500 characters", () => {
    const reason = reasonOf(new Error("x".repeat(10_000)));
    expect([reason.length, reason.at(-1)]).toEqual([500, "…"]);
  });
});
