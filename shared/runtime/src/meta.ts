/** The meta of records that no chain event gives one; it lives with the messages. */
export { metaWith } from "@busbar/events";
