import { describe, expect, it } from "vitest";
import { type CelName, type CelScope, compile, expressionFault, unheld, WORK_MOST, workOf } from "./cel.ts";

const NAMES: readonly CelName[] = ["args", "task", "claims", "said", "calls", "now"];
const NOW = Date.UTC(2024, 4, 15, 15);
const SCOPE: CelScope = {
  args: {
    cents: 1250,
    legs: [{ price: 0.1 }, { price: 0.2 }],
    id: "ZFA04Y",
    at: "2024-05-15T03:00:00Z",
    who: "Ann LEE",
  },
  task: "change my flight",
  claims: { "reservation:ZFA04Y": { cabin: "economy", cards: { c1: { amount: 5 }, c2: { amount: 7 } } } },
  said: ["change it", "Yes, go ahead"],
  calls: { refund: 2 },
  now: NOW,
};
const holds = (expression: string): string | null => unheld(expression, NAMES, SCOPE, WORK_MOST);

describe("an expression of a check", () => {
  it.each([
    'claims["reservation:" + args.id].cabin != "basic_economy"',
    'said.exists(text, text.lower().contains("yes"))',
    "round(sum(args.legs.map(leg, leg.price)), 2) == 0.3",
    "sum(args.legs.map(leg, leg.price)) < 1 && args.cents >= 1000",
    'sum(values(claims["reservation:ZFA04Y"].cards).map(card, card.amount)) == 12',
    'keys(claims["reservation:ZFA04Y"].cards) == ["c1", "c2"]',
    "now - ms(args.at) < hours(24) && now - ms(args.at) > minutes(90) && days(1) == hours(24)",
    '!("transfer" in calls) && calls["refund"] <= 2',
    "abs(args.cents - 1300) <= 50 && args.cents % 10 == 0",
    'args.who.lower() == "ann lee" && size(args.legs) == 2 && args.legs.all(leg, leg.price > 0)',
    "has(args.id) && !has(args.other) && task.startsWith('change')",
    "round(1.005, 2) == 1.01 && round(-2.5, 0) == -3 && round(2.675, 2) == 2.68",
    "args.id.matches('^[A-Z0-9]{6}$')",
  ])("%s holds [evidence:checks-cel]", (expression) => {
    expect([expressionFault(expression, NAMES, { boundedPatterns: true }), holds(expression)]).toEqual([null, null]);
  });

  it.each([
    ["args.cents < 1000", "does not hold"],
    ['claims["reservation:other"].cabin == "economy"', "cannot be evaluated"],
    ["ms(args.who) > 0", "it is no time"],
    ["sum(said) > 0", "it is no number"],
    ["values(said) == []", "it is no map"],
    ["round(1.5, 12) == 1.5", "0 to 9 digits"],
    ["args.__proto__ != null", "cannot be evaluated"],
  ])("%s is not held: %s [evidence:checks-cel]", (expression, why) => expect(holds(expression)).toContain(why));

  it.each([
    ["args.cents <", "Unexpected token: EOF", 12],
    ["args.cents < 5 && clams.x", "Unknown variable: clams; there are args, task, claims, said, calls, now", 18],
    ["result.x == 1", "Unknown variable: result", 0],
    ["sum(1) > 0", "sum", 0],
    ["size(said)", "int and not true or false", 0],
    ["said.exists(text, text.matches('(a+)+'))", "a group is repeated", 18],
    ["args.id.matches(args.who)", "no literal", 0],
  ])("%s has a fault, and a place for it [evidence:checks-faults]", (expression, reason, at) => {
    const fault = expressionFault(expression, NAMES, { boundedPatterns: true });
    expect(fault?.reason).toContain(reason);
    expect(fault?.at).toBe(at);
  });

  it("is not evaluated where it may take too long, whatever it would say [evidence:bounded]", () => {
    const many = { args: { rows: Array.from({ length: 3000 }, (_, index) => index) } };
    const once = "args.rows.all(row, row >= 0)";
    const nested = "args.rows.all(row, args.rows.exists(other, other == row))";
    const thrice = "args.rows.all(a, args.rows.all(b, args.rows.all(c, true)))";
    const work = [once, nested, thrice].map((text) => workOf(compile(text, NAMES), many));
    expect(work.map((steps) => Math.round(Math.log10(steps)))).toEqual([4, 7, 10]);
    expect(unheld(once, NAMES, many, WORK_MOST)).toBeNull();
    expect(unheld(thrice, NAMES, many, WORK_MOST)).toContain("too much to be evaluated");
    const text = { args: { rows: Array.from({ length: 500 }, () => "x".repeat(20_000)) } };
    expect(unheld("args.rows.all(a, args.rows.all(b, a == b))", NAMES, text, WORK_MOST)).toContain("too much");
  });

  it("counts what it names and nothing else, and a loop after a loop once [evidence:bounded]", () => {
    const scope = { args: [1, 2, 3], said: Array.from({ length: 1000 }, () => "x") };
    expect(workOf(compile("args.all(a, a > 0)", NAMES), scope)).toBe(4);
    expect(compile("args.map(a, a).filter(a, a > 0).all(a, a > 0)", NAMES).loops).toBe(1);
    expect(compile("args.all(a, args.filter(b, b > a).all(c, true))", NAMES).loops).toBe(2);
    expect(compile("args.size() > 1", NAMES).loops).toBe(0);
  });
});
