/**
 * The text of a `busbar.yaml`: YAML, then its schema. Every fault has its line and column, so that a file is corrected
 * in one go; what the names in it mean is not known here.
 */
import { Ajv, type ErrorObject } from "ajv";
import { type Document, isNode, isMap, isScalar, LineCounter, parseDocument } from "yaml";
import { PROJECT_SCHEMA } from "../generated/project-schema.ts";

/** Something that is wrong, and where; line and column count from 1. */
export interface ProjectFault {
  readonly line: number;
  readonly column: number;
  /** Dotted path of the key; empty for the file as a whole. */
  readonly path: string;
  readonly reason: string;
  /** `text`: the file itself. `module`: it cannot be loaded. `name`: nothing answers to it. */
  readonly kind: "text" | "module" | "name";
}

export type Path = readonly (string | number)[];

export interface ProjectText {
  readonly faults: readonly ProjectFault[];
  /** As its schema says where there are no faults. */
  readonly value: unknown;
  /** Where a key or list item stands. */
  faultAt(path: Path, reason: string, kind: ProjectFault["kind"]): ProjectFault;
  /** Where a character of a text value stands, from 0; of a text in several lines, where the text begins. */
  faultIn(path: Path, character: number, reason: string, kind: ProjectFault["kind"]): ProjectFault;
}

const validate = new Ajv({ allErrors: true, strict: false }).compile(PROJECT_SCHEMA);

/** The key's own place where the path ends in a key of a map, else that of the value. */
function offsetOf(document: Document, path: Path): number {
  const parent = path.length === 0 ? null : document.getIn(path.slice(0, -1), true);
  const name = path.at(-1);
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === name) : undefined;
  const node = pair !== undefined && isNode(pair.key) ? pair.key : document.getIn(path, true);
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

/** In source: where a character of a text value stands. Quotes take a character, and escapes are not counted. */
function offsetWithin(document: Document, path: Path, character: number): number {
  const node = document.getIn(path, true);
  if (!isScalar(node) || !isNode(node)) return offsetOf(document, path);
  const [start = 0] = node.range ?? [];
  const type = node.type;
  if (type === "PLAIN") return start + character;
  return type === "QUOTE_SINGLE" || type === "QUOTE_DOUBLE" ? start + 1 + character : start;
}

/** Where a fault of the schema lies: for a key that may not be there, at that key. */
function pathOf({ instancePath, params }: ErrorObject): Path {
  const steps = instancePath
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  const extra: unknown = params["additionalProperty"] ?? params["propertyName"];
  return typeof extra === "string" ? [...steps, extra] : steps;
}

function schemaReason({ instancePath, message, params }: ErrorObject): string {
  const where = instancePath === "" ? "the file" : instancePath.split("/").slice(1).join(".");
  const extra: unknown = params["additionalProperty"];
  return `${where} ${message ?? "is not valid"}${typeof extra === "string" ? ` (${extra})` : ""}`;
}

/** A key of a wrong form is told twice by ajv: by its pattern, and as a property name. */
const isSaidTwice = ({ keyword, propertyName }: ErrorObject): boolean =>
  keyword === "pattern" && propertyName !== undefined;

export function readProjectText(text: string): ProjectText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const at = (offset: number, path: Path, reason: string, kind: ProjectFault["kind"]): ProjectFault => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col), path: path.join("."), reason, kind };
  };
  const faultAt: ProjectText["faultAt"] = (path, reason, kind) => at(offsetOf(document, path), path, reason, kind);
  const faultIn: ProjectText["faultIn"] = (path, character, reason, kind) =>
    at(offsetWithin(document, path, character), path, reason, kind);
  if (document.errors.length > 0) {
    const faults = document.errors.map(({ pos, message }) =>
      at(pos[0], [], (message.split("\n")[0] ?? message).trim(), "text"),
    );
    return { faults, value: undefined, faultAt, faultIn };
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  validate(value);
  const errors = (validate.errors ?? []).filter((error) => !isSaidTwice(error));
  return {
    faults: errors.map((error) => faultAt(pathOf(error), schemaReason(error), "text")),
    value,
    faultAt,
    faultIn,
  };
}
