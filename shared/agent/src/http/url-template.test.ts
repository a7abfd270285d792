import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fillUrl, parseUrlTemplate, UrlProblem } from "./url-template.ts";

const template = parseUrlTemplate("tool t", "https://api.example.com/v1/customers/{id}/notes/{note}.json");

describe("a template", () => {
  it.each([
    "https://{host}/v1",
    "https://api.example.com:{port}/v1",
    "{scheme}://api.example.com/",
    "https://user:pass@api.example.com/",
    "https://api.example.com@evil.example/",
    "https://api.example.com\\@evil.example/",
    "ftp://api.example.com/",
    "file:///etc/passwd",
    "//api.example.com/",
    "https://api.example.com/a/../b",
    "https://api.example.com/a?x={y}",
    "https://api.example.com/{a-b}",
    "https://api.example.com/{a",
    "https://",
  ])("%s is refused: host, user and query are nobody's to fill [http:url-fixed]", (text) => {
    expect(() => parseUrlTemplate("tool t", text)).toThrow(/url/);
  });

  it("is filled with encoded arguments", () => {
    expect(fillUrl(template, { id: "Ä 1/x?y#z", note: 7 }, { q: "a&b", n: 3, none: null }).href).toBe(
      "https://api.example.com/v1/customers/%C3%84%201%2Fx%3Fy%23z/notes/7.json?q=a%26b&n=3",
    );
  });
});

describe("arguments that attack", () => {
  it.each([
    ".",
    "..",
    "../admin",
    "..\\admin",
    "a/../../admin",
    "./x",
    "a//b",
    "/",
    "//evil.example",
    "",
    "\u0000",
    "a\r\nHost: evil",
    "\ud800",
  ])("%j is refused before anything is sent [http:url-fixed]", (id) => {
    expect(() => fillUrl(template, { id, note: "1" })).toThrow(UrlProblem);
  });

  it.each([
    "@evil.example",
    "evil.example:80",
    "%2e%2e",
    "%2F..%2F",
    "?admin=1",
    "#x",
    "http:evil",
    "{note}",
    "a;b",
    "１",
    "\u202e",
  ])("%j stays one segment of the same path [http:url-fixed]", (id) => {
    const url = fillUrl(template, { id, note: "1" });
    expect(url.origin).toBe("https://api.example.com");
    expect(url.pathname.split("/").length).toBe(6);
    expect(decodeURIComponent(url.pathname.split("/")[3] ?? "")).toBe(id);
    expect([url.search, url.hash, url.username]).toEqual(["", "", ""]);
  });

  it.each([null, {}, [], ["a"], undefined])("%j is no segment [http:url-fixed]", (id) => {
    expect(() => fillUrl(template, { ...(id === undefined ? {} : { id }), note: "1" })).toThrow(UrlProblem);
  });

  it("of any text never change host or number of segments [http:url-fixed]", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (id, q) => {
        let url: URL;
        try {
          url = fillUrl(template, { id, note: "1" }, { q });
        } catch (error) {
          return error instanceof UrlProblem;
        }
        const segments = url.pathname.split("/");
        return (
          url.origin === "https://api.example.com" &&
          segments.length === 6 &&
          segments.every((part) => ![".", ".."].includes(decodeURIComponent(part))) &&
          url.searchParams.get("q") === q.toWellFormed()
        );
      }),
      { numRuns: 500 },
    );
  });
});
