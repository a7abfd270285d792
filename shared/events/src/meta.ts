/** The meta of records that no chain event gives one: claims, directives, heartbeats, commands of the gateway. */
import type { Meta } from "./generated/messages.ts";

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

export function metaWith(fields: Partial<Meta> & Pick<Meta, "eventId" | "atMs">): Meta {
  return { ...BLANK, ...fields };
}
