/** Fields of a directive's body: what is missing or of another type is empty, so that replay never fails. */
import type { JsonObject } from "@busbar/kernel";

export const text = (body: JsonObject, field: string): string => {
  const value = body[field];
  return typeof value === "string" ? value : "";
};

export const number = (body: JsonObject, field: string): number => {
  const value = body[field];
  return typeof value === "number" ? value : 0;
};
