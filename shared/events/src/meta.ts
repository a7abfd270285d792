/** The meta of records that no chain event gives one: claims, directives, heartbeats, commands of the gateway. */
import type { ClaimCheck, Meta } from "./generated/messages.ts";

const BLANK: Meta = {
  eventId: "",
  chainId: "",
  lineage: [],
  agent: "",
  incarnation: 0,
  causationId: "",
  correlationId: "",
  traceparent: "",
  atMs: 0,
  streamSeq: 0,
  commandSeq: 0,
  namespace: "",
  replay: false,
  policyHash: "",
  codeVersion: "",
  claimCheck: null,
  progress: null,
};

/** Where the content of a field stands that is too large for its record; null: in the field. */
export function asideOf({ meta }: { readonly meta: Meta }, field: string): ClaimCheck | null {
  return meta.claimCheck?.field === field ? meta.claimCheck : null;
}

export function metaWith(fields: Partial<Meta> & Pick<Meta, "eventId" | "atMs">): Meta {
  return { ...BLANK, ...fields };
}
