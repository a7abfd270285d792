/** Types over the generated messages: what callers name. */
import { FAMILY_OF, type FamilyMap, type MessageMap } from "./generated/messages.ts";

/** Name of a message; also the value of its header `type` and the name of its Avro record. */
export type MessageType = keyof MessageMap;
export type Family = keyof FamilyMap;

export type Message = MessageMap[MessageType];
export type MessageOf<T extends MessageType> = MessageMap[T];
/** The fields of a message without its type and meta. */
export type EventBody<T extends MessageType> = Omit<MessageMap[T], "type" | "meta">;
/** The types of a family, for example every event. */
export type TypeOfFamily<F extends Family> = FamilyMap[F]["type"];

/** All message types, in the order of their families. */
export const MESSAGE_TYPES = Object.keys(FAMILY_OF) as readonly MessageType[];

export function isMessageType(value: string): value is MessageType {
  return Object.hasOwn(FAMILY_OF, value);
}

/** The family of a message type. */
export function familyOf(type: MessageType): Family {
  return FAMILY_OF[type];
}
