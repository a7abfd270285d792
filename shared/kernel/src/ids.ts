/** Branded ids: strings that cannot be mixed up. Constructors brand; they do not validate foreign input. */
declare const brand: unique symbol;
export type Brand<T, B extends string> = T & { readonly [brand]: B };

/** One task's ordered sequence of steps; also the ordering key of every record about it. */
export type ChainId = Brand<string, "ChainId">;
export type AgentName = Brand<string, "AgentName">;
export type ToolName = Brand<string, "ToolName">;
/** `<topic>/<partition>/<offset>`: where the record stands, which is what it is. */
export type EventId = Brand<string, "EventId">;
/** Chain + step: a re-run handler asks under the same id and gets the recorded answer. */
export type CallId = Brand<string, "CallId">;
/** Chain + tool + identity arguments: at most one effect. */
export type EffectKey = Brand<string, "EffectKey">;

export const chainId = (value: string): ChainId => value as ChainId;
export const agentName = (value: string): AgentName => value as AgentName;
export const toolName = (value: string): ToolName => value as ToolName;
export const eventId = (value: string): EventId => value as EventId;
export const callId = (value: string): CallId => value as CallId;
export const effectKey = (value: string): EffectKey => value as EffectKey;
