// Written by schemas/generate.ts from schemas/**/*.avsc. Do not edit: run `node schemas/generate.ts`.

/** What every record carries: identity, lineage and circumstances. Inlined into each record by the loader. */
export interface Meta {
  /** Where the record stands: <topic>/<partition>/<offset> for events, the sender's id for others. (internal) */
  readonly eventId: string;
  /** Chain the record is about; empty for records of a partition or of the fleet. (internal) */
  readonly chainId: string;
  /** Chain ids from the root to this chain, itself included. (internal) */
  readonly lineage: readonly string[];
  /** Agent that runs the chain; empty where there is none. (public) */
  readonly agent: string;
  /** Run of the chain that the record belongs to; 0 where there is none. (internal) */
  readonly incarnation: number;
  /** Event id of the record that caused this one; empty for a first cause. (internal) */
  readonly causationId: string;
  /** Chain id of the root, which all records of one piece of work share. (internal) */
  readonly correlationId: string;
  /** W3C trace context of the writer; empty for none. (internal) */
  readonly traceparent: string;
  /** Time of the decision in ms since the epoch; it never goes back within a partition. (internal) */
  readonly atMs: number;
  /** Number in its stream: per chain for events (valid ones only), per chain and incarnation for commands, from 1. (internal) */
  readonly streamSeq: number;
  /** Sequence of the accepted command that caused this event, per chain and incarnation; 0 where none did. (internal) */
  readonly commandSeq: number;
  /** Namespace of the deployment; keeps tests and tenants apart. (internal) */
  readonly namespace: string;
  /** Set on records made by a replay; a live gateway refuses them. (internal) */
  readonly replay: boolean;
  /** Hash of the policy in force at the decision; empty before the first one. (internal) */
  readonly policyHash: string;
  /** Version of the code: of the agent on its commands and heartbeats; on events of a chain the version that the chain is pinned to, empty where its agent is not deployed; on other events of the gateway. (internal) */
  readonly codeVersion: string;
  /** Where the content of one field is kept when it is too large for the record. (internal) */
  readonly claimCheck: ClaimCheck | null;
  /** The owner's positions in its inputs after this record; only on the events topic. (internal) */
  readonly progress: Progress | null;
}

/** A directive as the partition applied it: all that replay needs. */
export interface AppliedDirective {
  /** Offset of the directive, as a decimal string. (internal) */
  readonly offset: string;
  /** Record name of the directive. (public) */
  readonly kind: string;
  /** What it covers: fleet, agent:<name>, tool:<name> or chain:<id>. (internal) */
  readonly scope: string;
  /** Id within its kind: fence, freeze, grant, breaker key or policy hash. (internal) */
  readonly id: string;
  /** What else the door needs to apply it, canonical JSON. (internal) */
  readonly detail: string;
}

/** A sign of life of one chain. */
export interface ChainLife {
  /** Id of the chain. (internal) */
  readonly chainId: string;
  /** Number of this run of the chain; commands of older ones are refused. (internal) */
  readonly incarnation: number;
}

/** A claim that an answer rests on. */
export interface Citation {
  /** What the claim is about. (personal) */
  readonly subject: string;
  /** Who made it. (internal) */
  readonly source: string;
  /** Offset of the record that told it, in the same partition. (internal) */
  readonly offset: string;
}

/** Reference to content kept in the blobs topic. */
export interface ClaimCheck {
  /** SHA-256 of the content, hex; also its key. (internal) */
  readonly sha256: string;
  /** Size of the content in bytes. (internal) */
  readonly bytes: number;
  /** Name of the field that the content belongs to; that field is empty here. (internal) */
  readonly field: string;
  /** Offset of the first chunk in the same partition of the blobs topic. (internal) */
  readonly offset: string;
  /** SHA-256 of each chunk in order, hex: only these are read. (internal) */
  readonly chunks: readonly string[];
}

/** How often an agent decided so. */
export interface DecisionCount {
  /** What was asked for and what came of it. (internal) */
  readonly decision: string;
  /** How often. (internal) */
  readonly count: number;
}

/** A kind of decision whose share has changed. */
export interface DecisionShift {
  /** What was asked for and what came of it. (internal) */
  readonly decision: string;
  /** Its share in the reference window, in thousandths. (internal) */
  readonly beforeMilli: number;
  /** Its share in the window that was compared, in thousandths. (internal) */
  readonly afterMilli: number;
}

/** A partition that a gateway holds, loads or drains. */
export interface DoorLife {
  /** Number of the partition. (internal) */
  readonly partition: number;
  /** Offset of the gateway's claim; empty while it has none. (internal) */
  readonly claimOffset: string;
  /** Where its owner stands: loading, active, failed. (internal) */
  readonly lifecycle: string;
  /** Why the partition is shut until a person acts; empty while it is not. (internal) */
  readonly failure: string;
  /** What to type about the failure; empty where there is none. (internal) */
  readonly next: string;
}

/** A call that was started and has no outcome yet. */
export interface InFlight {
  /** Id of the chain. (internal) */
  readonly chainId: string;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** How far the call is, for example running or in-doubt. (internal) */
  readonly state: string;
}

/** A position in one events partition. */
export interface PartitionPosition {
  /** Number of the partition. (internal) */
  readonly partition: number;
  /** Position (exclusive), as a decimal string. (internal) */
  readonly through: string;
}

/** Positions (exclusive, decimal) of a partition's owner in its inputs and projections. */
export interface Progress {
  /** Next offset of the commands partition. (internal) */
  readonly commands: string;
  /** Next offset of the control partition. (internal) */
  readonly control: string;
  /** Next offset of this events partition to be projected to inboxes. (internal) */
  readonly inbox: string;
  /** Next offset of this events partition whose sub-tasks are to be forwarded. (internal) */
  readonly forwards: string;
}

/** A claim of a result, compared with what the declared authority of its subject says. */
export interface Reconciliation {
  /** What the claim is about. (personal) */
  readonly subject: string;
  /** Who made the claim. (internal) */
  readonly source: string;
  /** What it says, canonical JSON. (personal) */
  readonly value: string;
  /** What became of the claim. (internal) */
  readonly outcome: "agrees" | "kept" | "lost" | "unresolved" | "UNKNOWN";
  /** How it was resolved. (internal) */
  readonly by: "authority" | "freshness" | "quorum" | "UNKNOWN";
  /** What is held for true now, canonical JSON; empty where that is unresolved. (personal) */
  readonly fact: string;
  /** Who says so; empty where that is unresolved. (internal) */
  readonly factSource: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** What a result says of a subject, as its tool declares it. */
export interface SubjectClaim {
  /** What it is about: `reservation:ZFA04Y`. (personal) */
  readonly subject: string;
  /** What is said of it, canonical JSON. (personal) */
  readonly value: string;
  /** Who says it, as the tool declares it. (internal) */
  readonly source: string;
  /** Version of the subject that the source tells; empty where it tells none. (internal) */
  readonly version: string;
  /** When the source says that it was so, in ms since the epoch; 0 where it says no time. (internal) */
  readonly asOfMs: number;
  /** How long it may be relied on, in ms; 0 means no bound. (internal) */
  readonly ttlMs: number;
}

/** Why a tool call in a model's answer cannot be made. */
export interface ToolCallProblem {
  /** Id that the model gave the call. (internal) */
  readonly toolCallId: string;
  /** Name as the model wrote it. (internal) */
  readonly tool: string;
  /** What is wrong with it, in one sentence. (internal) */
  readonly reason: string;
}

/** A tool that an agent may call, as its manifest said when the agent was deployed. */
export interface ToolDigest {
  /** Name of the tool. (public) */
  readonly tool: string;
  /** SHA-256 of its manifest, hex. (public) */
  readonly digest: string;
}

/** An effect that is not undone. */
export interface UndoImpossible {
  /** Event id of the record that says that it was done, or may have been. (internal) */
  readonly undoes: string;
  /** Name of its tool. (public) */
  readonly of: string;
  /** Why it cannot be undone, in one sentence. (internal) */
  readonly reason: string;
}

/** An effect that undoes another one. */
export interface UndoStep {
  /** Event id of the record that says that the other one was done. (internal) */
  readonly undoes: string;
  /** Name of the tool whose effect is undone. (public) */
  readonly of: string;
  /** Name of the tool that undoes it. (public) */
  readonly tool: string;
  /** Its arguments, canonical JSON. (personal) */
  readonly args: string;
  /** SHA-256 of these arguments, hex. (internal) */
  readonly argsHash: string;
}

/** A person refused the call. */
export interface ApprovalDenied {
  readonly type: "ApprovalDenied";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Offset of the request. (internal) */
  readonly requested: string;
  /** SHA-256 of the canonical arguments, hex. (internal) */
  readonly argsHash: string;
  /** Principal who refused it. (internal) */
  readonly by: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** Nobody decided in time, or what was allowed could not begin in time: the call is denied. */
export interface ApprovalExpired {
  readonly type: "ApprovalExpired";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Offset of the request. (internal) */
  readonly requested: string;
  /** When the time was over, ms since the epoch. (internal) */
  readonly dueAtMs: number;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** A person allowed the call once; all else is asked again before it is admitted. */
export interface ApprovalGranted {
  readonly type: "ApprovalGranted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Offset of the request. (internal) */
  readonly requested: string;
  /** SHA-256 of the canonical arguments, hex. (internal) */
  readonly argsHash: string;
  /** Principal who allowed it. (internal) */
  readonly by: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** The call waits for a person: nothing of it runs, and other calls of the chain go on. */
export interface ApprovalRequested {
  readonly type: "ApprovalRequested";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** What the tool may do to the world. (public) */
  readonly effectClass: "read" | "write" | "destructive" | "UNKNOWN";
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Arguments of the call, canonical JSON; empty where they stand aside. (personal) */
  readonly args: string;
  /** SHA-256 of the canonical arguments, hex. (internal) */
  readonly argsHash: string;
  /** What the effect changes, from the declared subject fields; empty where none are declared. (internal) */
  readonly subject: string;
  /** Version that the change depends on, canonical JSON; empty where it depends on none. (personal) */
  readonly expects: string;
  /** SHA-256 of the manifest that the person is asked about, hex. (internal) */
  readonly toolDigest: string;
  /** Id of the rule that wants a person. (public) */
  readonly rule: string;
  /** What is in doubt, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Event ids on which the decision rests. (internal) */
  readonly evidence: readonly string[];
  /** When the call is denied unless a person has decided, ms since the epoch. (internal) */
  readonly expiresAtMs: number;
}

/** The chain goes on under closer watch. */
export interface ChainDegraded {
  readonly type: "ChainDegraded";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the rule that decided; empty where a person did. (public) */
  readonly rule: string;
  /** Version of that rule. (public) */
  readonly ruleVersion: number;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Event ids on which the decision rests. (internal) */
  readonly evidence: readonly string[];
}

/** The chain is stopped until a person resumes it. */
export interface ChainHalted {
  readonly type: "ChainHalted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the rule that decided; empty where a person did. (public) */
  readonly rule: string;
  /** Version of that rule. (public) */
  readonly ruleVersion: number;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Event ids on which the decision rests. (internal) */
  readonly evidence: readonly string[];
  /** Offset of the directive behind this; empty for a decision of the door itself. (internal) */
  readonly directive: string;
}

/** A person lets a stopped chain go on. */
export interface ChainResumed {
  readonly type: "ChainResumed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Offset of the directive behind this; empty for a decision of the door itself. (internal) */
  readonly directive: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** A command had no effect now; the sender sends the same bytes again. */
export interface CommandDeferred {
  readonly type: "CommandDeferred";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Error code of the error table. (public) */
  readonly code: string;
  /** Stream sequence that is expected next; 0 where the sequence is not the cause. (internal) */
  readonly expected: number;
  /** When the sender may send the same bytes again, in ms from now. (public) */
  readonly retryAfterMs: number;
  /** Record name of the command; empty where it could not be decoded. (public) */
  readonly commandType: string;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** What it waits for and, where a person has to act, what to type; empty where the code says it all. (internal) */
  readonly reason: string;
  /** Caps in whose order the call has a place now. (internal) */
  readonly waitsFor: readonly string[];
}

/** A command had no effect and never will. */
export interface CommandRejected {
  readonly type: "CommandRejected";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Error code of the error table. (public) */
  readonly code: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Record name of the command; empty where it could not be decoded. (public) */
  readonly commandType: string;
  /** Topic of the command. (internal) */
  readonly topic: string;
  /** Offset of the command. (internal) */
  readonly offset: string;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
}

/** The agent says how sure it is: a word, and no evidence of anything. */
export interface ConfidenceReported {
  readonly type: "ConfidenceReported";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** How sure the agent says it is, 0 to 100. (internal) */
  readonly percent: number;
  /** What it is about. (personal) */
  readonly about: string;
  /** SHA-256 of what was said, hex. (internal) */
  readonly argsHash: string;
}

/** Directives take effect in this partition at this position. */
export interface DirectivesApplied {
  readonly type: "DirectivesApplied";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Position (exclusive) in the directives topic up to which this partition has applied. (internal) */
  readonly through: string;
  /** The directives applied by this record, in offset order. (internal) */
  readonly applied: readonly AppliedDirective[];
}

/** A re-run asked for something else than the record; its position is named. */
export interface Diverged {
  readonly type: "Diverged";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** What the record holds at this step: tool and argument hash. (internal) */
  readonly expected: string;
  /** What the re-run asked for instead. (internal) */
  readonly actual: string;
}

/** From here on the owner admits reads only. */
export interface DoorDegraded {
  readonly type: "DoorDegraded";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** From here on the owner may admit effects. */
export interface DoorOpened {
  readonly type: "DoorOpened";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the supervisor process. (internal) */
  readonly supervisor: string;
  /** Send time of the heartbeat that permits the door to open, in ms since the epoch. (internal) */
  readonly heartbeatAtMs: number;
  /** Position (exclusive) up to which the supervisor has read the partition. (internal) */
  readonly eventsThrough: string;
  /** End of the directives topic as the supervisor saw it. (internal) */
  readonly directivesEnd: string;
  /** Position (exclusive) in the directives topic up to which this partition has applied. (internal) */
  readonly through: string;
  /** The tools that the owner's process has loaded, as their manifests say; empty: it does not say. (internal) */
  readonly tools: readonly ToolDigest[];
}

/** The attempt was never started and never will be; the call may get another one. */
export interface EffectAbandoned {
  readonly type: "EffectAbandoned";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Number of this attempt under the same effect key, from 1. (internal) */
  readonly attempt: number;
  /** Offset of the admission in the same partition. (internal) */
  readonly admitted: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** When the next attempt is due, in ms since the epoch; 0 where none follows. (internal) */
  readonly retryAtMs: number;
}

/** Permission for one attempt of one call; it must be acknowledged before the call is made. */
export interface EffectAdmitted {
  readonly type: "EffectAdmitted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Whether the tool honours the effect key (exact) or may never be fired again (at-most-once). (public) */
  readonly toolClass: "exact" | "at-most-once" | "UNKNOWN";
  /** What the tool may do to the world. (public) */
  readonly effectClass: "read" | "write" | "destructive" | "UNKNOWN";
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Arguments of the call, canonical JSON. (personal) */
  readonly args: string;
  /** SHA-256 of the canonical arguments, hex. (internal) */
  readonly argsHash: string;
  /** Clock of the owner at the first admission under this effect key, ms since the epoch: the lifetime of a key counts from here; 0 for a read. (internal) */
  readonly keySinceMs: number;
  /** Number of this attempt under the same effect key, from 1. (internal) */
  readonly attempt: number;
  /** The call must be handed to the tool within this time after queueing. (internal) */
  readonly fireBoundMs: number;
  /** Time the call may take, in ms. (internal) */
  readonly timeoutMs: number;
  /** Who asked for the call: the agent, or the gateway for a read-back or retry. (internal) */
  readonly origin: "agent" | "gateway" | "UNKNOWN";
  /** Ids of the grants that this call spends, one for each half-open breaker that it meets. (internal) */
  readonly probes: readonly string[];
  /** What the effect changes, from the declared subject fields; empty where none are declared. (internal) */
  readonly subject: string;
  /** SHA-256 of the manifest that the admission is of, hex. (internal) */
  readonly toolDigest: string;
  /** Version that the change depends on: subject, version as the chain read it, and offset of that record, canonical JSON; empty where it depends on none. (personal) */
  readonly expects: string;
  /** Event id of the approval that lifted a hold; empty where none was needed. (internal) */
  readonly approval: string;
  /** Event id of what it undoes; empty where it undoes nothing. (internal) */
  readonly undoes: string;
}

/** The same effect was committed before; this is no fresh success. */
export interface EffectAlreadyDone {
  readonly type: "EffectAlreadyDone";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** SHA-256 of the canonical arguments, hex. (internal) */
  readonly argsHash: string;
  /** Offset of the commit of the same effect key. (internal) */
  readonly originalOffset: string;
  /** Result of the call, canonical JSON. (personal) */
  readonly result: string;
}

/** The call waits for an open or in-doubt effect of the same key; that effect's outcome answers it. */
export interface EffectAwaited {
  readonly type: "EffectAwaited";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** SHA-256 of the canonical arguments, hex. (internal) */
  readonly argsHash: string;
  /** Key of the effect that is waited for. (internal) */
  readonly effectKey: string;
}

/** The call ended and its result is valid. */
export interface EffectCommitted {
  readonly type: "EffectCommitted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Number of this attempt under the same effect key, from 1. (internal) */
  readonly attempt: number;
  /** Offset of the admission in the same partition. (internal) */
  readonly admitted: string;
  /** Result of the call, canonical JSON. (personal) */
  readonly result: string;
  /** Time from handing the call over to its end, in ms. (internal) */
  readonly durationMs: number;
  /** Look at the world that is due before the next change of the chain: tool, args, expect and withinMs, canonical JSON; empty where none is. (personal) */
  readonly readBack: string;
  /** Version that the result tells, as its tool declares it; empty where it declares none. (internal) */
  readonly version: string;
  /** What the result says of subjects, as its tool declares it. (personal) */
  readonly claims: readonly SubjectClaim[];
  /** Of its claims about subjects with a declared authority: what became of them. (personal) */
  readonly reconciled: readonly Reconciliation[];
}

/** The call ended; its result is not what the tool's schema or read-back allows. */
export interface EffectCommittedInvalid {
  readonly type: "EffectCommittedInvalid";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Number of this attempt under the same effect key, from 1. (internal) */
  readonly attempt: number;
  /** Offset of the admission in the same partition. (internal) */
  readonly admitted: string;
  /** Result of the call, canonical JSON. (personal) */
  readonly result: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Time from handing the call over to its end, in ms. (internal) */
  readonly durationMs: number;
}

/** Evidence against an earlier settlement; the chain is halted. */
export interface EffectContradicted {
  readonly type: "EffectContradicted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Offset of the settlement that is contradicted. (internal) */
  readonly settledOffset: string;
  /** Offset of the record taken as evidence (it may be void); empty for none. (internal) */
  readonly evidenceOffset: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** A change that its tool reported as done does not show, or nobody could look: it stays disputed until a person settles it. */
export interface EffectDisputed {
  readonly type: "EffectDisputed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Offset of the admission in the same partition. (internal) */
  readonly admitted: string;
  /** Name of the tool that looked. (public) */
  readonly by: string;
  /** What it had to see, by dotted path, canonical JSON. (personal) */
  readonly expected: string;
  /** What it saw, canonical JSON; empty where it saw nothing. (personal) */
  readonly seen: string;
  /** BUSBAR_READ_BACK_MISMATCH or BUSBAR_READ_BACK_FAILED. (public) */
  readonly code: string;
  /** What differs, or why nobody could look, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Time of the look, in ms. (internal) */
  readonly durationMs: number;
}

/** The tool reported that the effect did not happen. */
export interface EffectFailed {
  readonly type: "EffectFailed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Number of this attempt under the same effect key, from 1. (internal) */
  readonly attempt: number;
  /** Offset of the admission in the same partition. (internal) */
  readonly admitted: string;
  /** Error code of the error table. (public) */
  readonly code: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Whether no further attempt of this call follows. (internal) */
  readonly final: boolean;
  /** When the next attempt is due, in ms since the epoch; 0 where none waits. (internal) */
  readonly retryAtMs: number;
  /** Time from handing the call over to its end, in ms. (internal) */
  readonly durationMs: number;
  /** Of a stale change: subject, the version that its chain read with the offset of that record, and what is there now, canonical JSON. (personal) */
  readonly freshness: string;
}

/** It is not known whether the effect happened. */
export interface EffectInDoubt {
  readonly type: "EffectInDoubt";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Number of this attempt under the same effect key, from 1. (internal) */
  readonly attempt: number;
  /** Offset of the admission in the same partition. (internal) */
  readonly admitted: string;
  /** Error code: a late outcome, or an owner that is gone. (public) */
  readonly code: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** When the doubt may be settled, in ms since the epoch. (internal) */
  readonly settleAtMs: number;
}

/** The call is not allowed. */
export interface EffectRefused {
  readonly type: "EffectRefused";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Arguments of the call, canonical JSON. (personal) */
  readonly args: string;
  /** SHA-256 of the canonical arguments, hex. (internal) */
  readonly argsHash: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Error code of the error table. (public) */
  readonly code: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Id of the rule that decided; empty where a person did. (public) */
  readonly rule: string;
  /** Version of that rule. (public) */
  readonly ruleVersion: number;
  /** Event ids on which the decision rests. (internal) */
  readonly evidence: readonly string[];
}

/** A doubt is settled by a read-back, by evidence or by a person. */
export interface EffectSettled {
  readonly type: "EffectSettled";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Offset of the admission in the same partition. (internal) */
  readonly admitted: string;
  /** What became of the effect. (internal) */
  readonly outcome: "committed" | "not-done" | "unknown" | "UNKNOWN";
  /** Principal who ordered it. (internal) */
  readonly by: string;
  /** Offset of the record taken as evidence (it may be void); empty for none. (internal) */
  readonly evidenceOffset: string;
  /** Result of the call, canonical JSON. (personal) */
  readonly result: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Look at the world that is due before the next change of the chain: tool, args, expect and withinMs, canonical JSON; empty where none is. (personal) */
  readonly readBack: string;
  /** What the result says of subjects, as its tool declares it. (personal) */
  readonly claims: readonly SubjectClaim[];
}

/** The read-back of a change shows it. */
export interface EffectVerified {
  readonly type: "EffectVerified";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Key of the effect; empty for a read. (internal) */
  readonly effectKey: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Offset of the admission in the same partition. (internal) */
  readonly admitted: string;
  /** Name of the tool that looked. (public) */
  readonly by: string;
  /** What it saw, canonical JSON. (personal) */
  readonly seen: string;
  /** Time of the look, in ms. (internal) */
  readonly durationMs: number;
}

/** A chain has made so many tool calls that its next change needs evidence. */
export interface GateDue {
  readonly type: "GateDue";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Tool calls that began since the last gate. (public) */
  readonly calls: number;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** A chain wanted to make a change and could show nothing; it is degraded. */
export interface GateFailed {
  readonly type: "GateFailed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Tool calls that began since the last gate. (public) */
  readonly calls: number;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Event ids on which it rests. (internal) */
  readonly evidence: readonly string[];
}

/** A due gate was passed: the world has shown something since the last attempted change. */
export interface GatePassed {
  readonly type: "GatePassed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Tool calls that began since the last gate. (public) */
  readonly calls: number;
  /** Event ids on which it rests. (internal) */
  readonly evidence: readonly string[];
  /** What counted as evidence: answered or verified. (public) */
  readonly by: string;
}

/** A halt takes effect in this partition at this position; names what is abandoned and what was already running. */
export interface HaltAcknowledged {
  readonly type: "HaltAcknowledged";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Position (exclusive) in the directives topic up to which this partition has applied. (internal) */
  readonly through: string;
  /** The directives applied by this record, in offset order. (internal) */
  readonly applied: readonly AppliedDirective[];
  /** Call ids of admissions that were not started and never will be. (internal) */
  readonly abandoned: readonly string[];
  /** Calls that were started before the halt and have no outcome yet. (internal) */
  readonly inFlight: readonly InFlight[];
}

/** A person has answered; the chain is told. */
export interface HandOffAnswered {
  readonly type: "HandOffAnswered";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the hand-off: chain and step where the agent asked, chain and `handoff` where a rule did. (internal) */
  readonly callId: string;
  /** The answer, JSON. (personal) */
  readonly answer: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** A person has taken the hand-off. */
export interface HandOffTaken {
  readonly type: "HandOffTaken";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the hand-off: chain and step where the agent asked, chain and `handoff` where a rule did. (internal) */
  readonly callId: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** A person owns the decision from here. */
export interface HandedOff {
  readonly type: "HandedOff";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the hand-off: chain and step where the agent asked, chain and `handoff` where a rule did. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1; 0 where a rule decided. (internal) */
  readonly step: number;
  /** What is asked, or why a rule hands off. (personal) */
  readonly question: string;
  /** SHA-256 of the question, hex. (internal) */
  readonly argsHash: string;
  /** Id of the rule that decided; empty where the agent asked. (public) */
  readonly rule: string;
  /** Version of that rule. (public) */
  readonly ruleVersion: number;
  /** Event ids on which the decision rests. (internal) */
  readonly evidence: readonly string[];
  /** Positions of the chain so far: topic/partition/from..to. (internal) */
  readonly context: string;
}

/** Positions of an input are gone; a person must look. */
export interface LogGap {
  readonly type: "LogGap";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the topic. (internal) */
  readonly topic: string;
  /** Offset that should have come next. (internal) */
  readonly expected: string;
  /** First offset that is there. (internal) */
  readonly found: string;
}

/** Permission for one call of a model. */
export interface ModelCallAdmitted {
  readonly type: "ModelCallAdmitted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Name of the model. (public) */
  readonly model: string;
  /** Request to the model, canonical JSON; $history stands for the messages before those that are written out. (personal) */
  readonly request: string;
  /** SHA-256 of the request, hex, its messages by the head of their conversation. (internal) */
  readonly requestHash: string;
  /** Number of this attempt of the call, from 1. (internal) */
  readonly attempt: number;
  /** Time the call may take, in ms. (internal) */
  readonly timeoutMs: number;
}

/** The model answered. */
export interface ModelCallCompleted {
  readonly type: "ModelCallCompleted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Name of the model. (public) */
  readonly model: string;
  /** Number of this attempt of the call, from 1. (internal) */
  readonly attempt: number;
  /** Offset of the admission in the same partition. (internal) */
  readonly admitted: string;
  /** Answer of the model, canonical JSON. (personal) */
  readonly response: string;
  /** Tokens of the request. (internal) */
  readonly inputTokens: number;
  /** Tokens of the answer. (internal) */
  readonly outputTokens: number;
  /** Whether the tokens were counted here, since the model told none. (internal) */
  readonly estimated: boolean;
  /** Why the model stopped, in its own word: stop, tool_calls, length, content_filter; empty where it told none. (public) */
  readonly finishReason: string;
  /** Tool calls in the answer that cannot be made; the answer keeps their text. (internal) */
  readonly problems: readonly ToolCallProblem[];
  /** Time from handing the call over to its end, in ms. (internal) */
  readonly durationMs: number;
}

/** An attempt of a model call brought no answer. */
export interface ModelCallFailed {
  readonly type: "ModelCallFailed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Name of the model. (public) */
  readonly model: string;
  /** Number of this attempt of the call, from 1. (internal) */
  readonly attempt: number;
  /** Offset of the admission in the same partition. (internal) */
  readonly admitted: string;
  /** Error code of the error table. (public) */
  readonly code: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Whether no further attempt of this call follows. (internal) */
  readonly final: boolean;
  /** When the next attempt is due, in ms since the epoch; 0 where none waits. (internal) */
  readonly retryAtMs: number;
  /** Tokens of the request, estimated where the model told none; 0 where it was not reached. (internal) */
  readonly inputTokens: number;
  /** Tokens that had arrived of the answer, estimated. (internal) */
  readonly outputTokens: number;
  /** Time from handing the call over to its end, in ms. (internal) */
  readonly durationMs: number;
}

/** A gateway takes a partition; this closes its door and starts an epoch. */
export interface PartitionClaimed {
  readonly type: "PartitionClaimed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the gateway process that claims the partition. (internal) */
  readonly owner: string;
  /** Random part of the epoch; with the claim's offset it names the epoch. (internal) */
  readonly nonce: string;
}

/** The owner gives the partition up; the successor need not wait. */
export interface PartitionReleased {
  readonly type: "PartitionReleased";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the gateway process that claims the partition. (internal) */
  readonly owner: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** The effects of a chain are undone, one after the other, by effects of this chain. */
export interface RollbackStarted {
  readonly type: "RollbackStarted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain whose effects are undone. (internal) */
  readonly target: string;
  /** Which rollback of that chain, from 0. (internal) */
  readonly number: number;
  /** What is done, in this order: the latest effect is undone first. (internal) */
  readonly undos: readonly UndoStep[];
  /** What stays as it is. (internal) */
  readonly impossible: readonly UndoImpossible[];
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** A rule in shadow mode would have acted; nothing else happened. */
export interface RuleShadowed {
  readonly type: "RuleShadowed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the rule. (public) */
  readonly rule: string;
  /** Version of that rule. (public) */
  readonly ruleVersion: number;
  /** What it would have done: halt, degrade, refuse, hold. (public) */
  readonly would: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Event ids on which it rests. (internal) */
  readonly evidence: readonly string[];
}

/** From now on a person approves each effect of the chain. */
export interface ScopeNarrowed {
  readonly type: "ScopeNarrowed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Rung of the ladder that was taken. (public) */
  readonly rung: "approve" | "UNKNOWN";
  /** Id of the rule that decided. (public) */
  readonly rule: string;
  /** Version of that rule. (public) */
  readonly ruleVersion: number;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Event ids on which the decision rests. (internal) */
  readonly evidence: readonly string[];
}

/** A claim was compared with a fact; both stand side by side. */
export interface StatementChecked {
  readonly type: "StatementChecked";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** What the statement is about. (personal) */
  readonly subject: string;
  /** What the agent claims, canonical JSON. (personal) */
  readonly statement: string;
  /** What was found when it was checked, canonical JSON. (personal) */
  readonly fact: string;
  /** Where the fact comes from (tool, file, query). (internal) */
  readonly source: string;
  /** Whether the statement agrees with the fact. (public) */
  readonly agrees: boolean;
  /** Event ids on which the decision rests. (internal) */
  readonly evidence: readonly string[];
}

/** An agent claims something. */
export interface StatementRecorded {
  readonly type: "StatementRecorded";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** What the statement is about. (personal) */
  readonly subject: string;
  /** What the agent claims, canonical JSON. (personal) */
  readonly statement: string;
  /** SHA-256 of the canonical arguments, hex. (internal) */
  readonly argsHash: string;
}

/** A sub-task ended. */
export interface SubtaskFinished {
  readonly type: "SubtaskFinished";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Call of this chain that sent the sub-task. (internal) */
  readonly callId: string;
  /** Chain of the sub-task. (internal) */
  readonly childChainId: string;
  /** How the sub-task ended. (internal) */
  readonly state: string;
  /** Output of the task, canonical JSON. (personal) */
  readonly output: string;
  /** Offset of the record that closed the sub-task in its own partition. (internal) */
  readonly childOffset: string;
  /** Tokens that the sub-task and its own sub-tasks used. (internal) */
  readonly tokensUsed: number;
  /** The output derives from text of third parties. (internal) */
  readonly untrusted: boolean;
}

/** The same task key was submitted again. */
export interface TaskAlreadyKnown {
  readonly type: "TaskAlreadyKnown";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** The client's idempotency key of the task. (personal) */
  readonly taskKey: string;
  /** State of the chain machine. (internal) */
  readonly state: string;
  /** Offset of the record that closed the task; empty while it is open. (internal) */
  readonly outcomeOffset: string;
}

/** The chain runs at this agent under this incarnation; older ones are refused. */
export interface TaskAssigned {
  readonly type: "TaskAssigned";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Number of this run of the chain; commands of older ones are refused. (internal) */
  readonly incarnation: number;
  /** Version of the agent that runs the chain to its end; empty where nobody deployed the agent. (public) */
  readonly version: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** The chain ended with an output. */
export interface TaskCompleted {
  readonly type: "TaskCompleted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Output of the task, canonical JSON. (personal) */
  readonly output: string;
  /** The output derives from text of third parties. (internal) */
  readonly untrusted: boolean;
  /** Claims that the output rests on. (personal) */
  readonly cites: readonly Citation[];
}

/** The chain ended without an output. */
export interface TaskFailed {
  readonly type: "TaskFailed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Error code of the error table. (public) */
  readonly code: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** A sub-task is admitted; it is forwarded once this record is acknowledged. */
export interface TaskSent {
  readonly type: "TaskSent";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Chain of the sub-task. (internal) */
  readonly childChainId: string;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Input of the task, canonical JSON. (personal) */
  readonly input: string;
  /** SHA-256 of the canonical arguments, hex. (internal) */
  readonly argsHash: string;
  /** Deadline in ms since the epoch; 0 means none. (internal) */
  readonly deadlineAtMs: number;
  /** Model tokens the chain may use; 0 means no bound. (internal) */
  readonly budgetTokens: number;
  /** The input derives from text of third parties. (internal) */
  readonly untrusted: boolean;
}

/** A task is accepted; it opens the chain. */
export interface TaskSubmitted {
  readonly type: "TaskSubmitted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** The client's idempotency key of the task. (personal) */
  readonly taskKey: string;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Input of the task, canonical JSON. (personal) */
  readonly input: string;
  /** Deadline in ms since the epoch; 0 means none. (internal) */
  readonly deadlineAtMs: number;
  /** Steps the chain may use; 0 means no bound. (internal) */
  readonly maxSteps: number;
  /** Model tokens the chain may use; 0 means no bound. (internal) */
  readonly budgetTokens: number;
  /** Chain that sent this task; empty for a root. (internal) */
  readonly parentChainId: string;
  /** Call of the parent that sent this task; empty for a root. (internal) */
  readonly parentCallId: string;
  /** The input derives from text of third parties. (internal) */
  readonly untrusted: boolean;
}

/** A timer was due. */
export interface TimerFired {
  readonly type: "TimerFired";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the timer. (internal) */
  readonly timer: string;
  /** When the timer was due, in ms since the epoch. (internal) */
  readonly dueAtMs: number;
  /** The handler's call that it answers; empty for a timer of the bus. (internal) */
  readonly callId: string;
}

/** A handler waits for a time; TimerFired with the same call answers it. */
export interface TimerSet {
  readonly type: "TimerSet";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** How long the handler asked for, in ms. (internal) */
  readonly delayMs: number;
  /** When the timer is due, in ms since the epoch. (internal) */
  readonly dueAtMs: number;
  /** SHA-256 of the canonical arguments, hex. (internal) */
  readonly argsHash: string;
}

/** What one judge says of a call, before it knows of any other verdict. */
export interface VerdictGiven {
  readonly type: "VerdictGiven";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Name of the judge. (internal) */
  readonly judge: string;
  /** True where it agrees that the call be made. (internal) */
  readonly agrees: boolean;
  /** Why, as the judge says it. (internal) */
  readonly reason: string;
}

/** A high-stakes call waits for the verdicts of its judges; nothing of it has begun. */
export interface VerdictsRequested {
  readonly type: "VerdictsRequested";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Step of the chain. (internal) */
  readonly step: number;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Arguments as canonical JSON; empty where they stand aside. (personal) */
  readonly args: string;
  /** SHA-256 of the canonical arguments, which the verdicts are about. (internal) */
  readonly argsHash: string;
  /** Names of the judges that are asked. (internal) */
  readonly judges: readonly string[];
}

/** A person answers a hand-off. */
export interface AnswerHandOff {
  readonly type: "AnswerHandOff";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the hand-off: chain and step where the agent asked, chain and `handoff` where a rule did. (internal) */
  readonly callId: string;
  /** Offset of the HandedOff that is meant. (internal) */
  readonly asked: string;
  /** The answer, JSON. (personal) */
  readonly answer: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** A person allows one call, with exactly these arguments. */
export interface ApproveEffect {
  readonly type: "ApproveEffect";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Offset of the request: which one is meant. (internal) */
  readonly requested: string;
  /** SHA-256 of the canonical arguments that the person saw, hex. (internal) */
  readonly argsHash: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Asks for a model to be called. */
export interface CallModel {
  readonly type: "CallModel";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Name of the model. (public) */
  readonly model: string;
  /** Request to the model, canonical JSON; $history stands for the messages before those that are written out. (personal) */
  readonly request: string;
}

/** Asks for a tool to be called. */
export interface CallTool {
  readonly type: "CallTool";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Arguments of the call, canonical JSON. (personal) */
  readonly args: string;
  /** How often the same effect is wanted on purpose; 0 means once. (internal) */
  readonly repeat: number;
}

/** Ends the chain with an output. */
export interface CompleteTask {
  readonly type: "CompleteTask";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Output of the task, canonical JSON. (personal) */
  readonly output: string;
}

/** A person refuses one call that waits for an approval. */
export interface DenyEffect {
  readonly type: "DenyEffect";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Offset of the request: which one is meant. (internal) */
  readonly requested: string;
  /** SHA-256 of the canonical arguments that the person saw, hex. (internal) */
  readonly argsHash: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Ends the chain without an output. */
export interface FailTask {
  readonly type: "FailTask";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Error code of the error table. (public) */
  readonly code: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** Asks a person, and waits for the answer. */
export interface HandOff {
  readonly type: "HandOff";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** What is asked. (personal) */
  readonly question: string;
}

/** Claims something, so that it can be compared with the facts. */
export interface MakeStatement {
  readonly type: "MakeStatement";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** What the statement is about. (personal) */
  readonly subject: string;
  /** What the agent claims, canonical JSON. (personal) */
  readonly statement: string;
}

/** Says how sure the agent is of what it does. */
export interface ReportConfidence {
  readonly type: "ReportConfidence";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** How sure the agent says it is, 0 to 100. (internal) */
  readonly percent: number;
  /** What it is about. (personal) */
  readonly about: string;
}

/** The re-run of a handler asked for something else than the record. */
export interface ReportDivergence {
  readonly type: "ReportDivergence";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** What the record holds at this step: tool and argument hash. (internal) */
  readonly expected: string;
  /** What the re-run asked for instead. (internal) */
  readonly actual: string;
}

/** A gateway reports the end of a sub-task to the parent's partition. */
export interface ReportSubtask {
  readonly type: "ReportSubtask";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Call of the parent that sent this task; empty for a root. (internal) */
  readonly parentCallId: string;
  /** Chain of the sub-task. (internal) */
  readonly childChainId: string;
  /** How the sub-task ended. (internal) */
  readonly state: string;
  /** Output of the task, canonical JSON. (personal) */
  readonly output: string;
  /** Offset of the record that closed the sub-task in its own partition. (internal) */
  readonly childOffset: string;
  /** Tokens that the sub-task and its own sub-tasks used. (internal) */
  readonly tokensUsed: number;
  /** The output derives from text of third parties. (internal) */
  readonly untrusted: boolean;
}

/** Asks for the chain's recorded answers. */
export interface RequestJournal {
  readonly type: "RequestJournal";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
}

/** Undoes the effects of a chain, as planned here. */
export interface RollBack {
  readonly type: "RollBack";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain whose effects are undone. (internal) */
  readonly target: string;
  /** Which rollback of that chain, from 0. (internal) */
  readonly number: number;
  /** What is done, in this order: the latest effect is undone first. (internal) */
  readonly undos: readonly UndoStep[];
  /** What stays as it is. (internal) */
  readonly impossible: readonly UndoImpossible[];
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Asks for a sub-task to be given to another agent. */
export interface SendTask {
  readonly type: "SendTask";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Input of the task, canonical JSON. (personal) */
  readonly input: string;
}

/** Asks to be told when a time has passed. */
export interface SetTimer {
  readonly type: "SetTimer";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Number of the step in the chain, from 1. (internal) */
  readonly step: number;
  /** How long from the decision on, in ms. (internal) */
  readonly delayMs: number;
}

/** A person settles a doubt. */
export interface SettleEffect {
  readonly type: "SettleEffect";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Chain and step of the call; a re-run handler asks under the same id. (internal) */
  readonly callId: string;
  /** Offset of the admission that is in doubt: which attempt is meant. (internal) */
  readonly admitted: string;
  /** What became of the effect. (internal) */
  readonly outcome: "committed" | "not-done" | "unknown" | "UNKNOWN";
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Asks for a task to be done; opens a chain. */
export interface SubmitTask {
  readonly type: "SubmitTask";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** The client's idempotency key of the task. (personal) */
  readonly taskKey: string;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Input of the task, canonical JSON. (personal) */
  readonly input: string;
  /** Deadline in ms since the epoch; 0 means none. (internal) */
  readonly deadlineAtMs: number;
  /** Steps the chain may use; 0 means no bound. (internal) */
  readonly maxSteps: number;
  /** Model tokens the chain may use; 0 means no bound. (internal) */
  readonly budgetTokens: number;
  /** Chain that sent this task; empty for a root. (internal) */
  readonly parentChainId: string;
  /** Call of the parent that sent this task; empty for a root. (internal) */
  readonly parentCallId: string;
  /** The input derives from text of third parties. (internal) */
  readonly untrusted: boolean;
}

/** A person takes a hand-off, so that nobody else answers it. */
export interface TakeHandOff {
  readonly type: "TakeHandOff";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the hand-off: chain and step where the agent asked, chain and `handoff` where a rule did. (internal) */
  readonly callId: string;
  /** Offset of the HandedOff that is meant. (internal) */
  readonly asked: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** A version of an agent may be run: its code, its tools and its policy are these. It takes no task before AgentPromoted. */
export interface AgentDeployed {
  readonly type: "AgentDeployed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Version of the code, as defineAgent says it. (public) */
  readonly version: string;
  /** SHA-256 over the files of the version as they are loaded, hex. (public) */
  readonly codeDigest: string;
  /** The tools that it may call. (public) */
  readonly tools: readonly ToolDigest[];
  /** Hash of the policy that it was checked against. (public) */
  readonly policyHash: string;
  /** Processes that each of its deployment supervisors runs. (public) */
  readonly instances: number;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** The version is ready: tasks that are assigned from now on are its. */
export interface AgentPromoted {
  readonly type: "AgentPromoted";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Version that is current from now on. (public) */
  readonly version: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** The version failed: the one before takes new tasks, and those that the failed one has not begun. */
export interface AgentRolledBack {
  readonly type: "AgentRolledBack";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Version that failed. (public) */
  readonly version: string;
  /** Version that is current from now on; empty where the failed one was not current. (public) */
  readonly to: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** How many processes of the agent are wanted. */
export interface AgentScaled {
  readonly type: "AgentScaled";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Processes that each of its deployment supervisors runs. (public) */
  readonly instances: number;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** The agent, or one version of it that is not current, takes no tasks any more. */
export interface AgentUndeployed {
  readonly type: "AgentUndeployed";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** One version; empty for the whole agent. (public) */
  readonly version: string;
  /** Its open chains fail instead of being finished. (public) */
  readonly force: boolean;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Lets calls of the key through again. */
export interface CloseBreaker {
  readonly type: "CloseBreaker";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Key of the breaker: tool:<name>, agent:<name> or agent:<name>/tool:<name>. (internal) */
  readonly key: string;
  /** Id of what caused it; with the rule it makes the order idempotent. (internal) */
  readonly cause: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** A notice: an agent decides otherwise than it used to. It changes no decision. */
export interface DriftDetected {
  readonly type: "DriftDetected";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** agent:<name>. (internal) */
  readonly key: string;
  /** Id of the rule that decided; empty where a person did. (public) */
  readonly rule: string;
  /** Id of the record that completed the window; with the rule it makes the notice idempotent. (internal) */
  readonly cause: string;
  /** Population stability index of the window against the reference, in thousandths. (internal) */
  readonly indexMilli: number;
  /** What it had to reach, in thousandths. (internal) */
  readonly limitMilli: number;
  /** Decisions in the reference window. (internal) */
  readonly before: number;
  /** Decisions in the window that was compared. (internal) */
  readonly after: number;
  /** What moved most. (internal) */
  readonly moved: readonly DecisionShift[];
  /** Time of that record, in ms since the epoch. (internal) */
  readonly atMs: number;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Forbids classes of effects in a scope for a time. */
export interface Freeze {
  readonly type: "Freeze";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the freeze. (internal) */
  readonly freezeId: string;
  /** What it covers: fleet, agent:<name>, tool:<name> or chain:<id>. (internal) */
  readonly scope: string;
  /** Effect classes that are forbidden. (internal) */
  readonly effects: readonly string[];
  /** Start in ms since the epoch. (internal) */
  readonly fromMs: number;
  /** End in ms since the epoch; 0 means open. (internal) */
  readonly untilMs: number;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Permits a number of probes of a half-open breaker in one partition. */
export interface Grant {
  readonly type: "Grant";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the grant. (internal) */
  readonly grantId: string;
  /** Key of the breaker: tool:<name>, agent:<name> or agent:<name>/tool:<name>. (internal) */
  readonly key: string;
  /** Id of what opened the breaker: the grant is of this opening. (internal) */
  readonly cause: string;
  /** Number of the grant within its opening, from 1; one told again gives nothing. (internal) */
  readonly sequence: number;
  /** Number of the partition. (internal) */
  readonly partition: number;
  /** How many calls are granted. (internal) */
  readonly count: number;
  /** When the grant ends, in ms since the epoch. (internal) */
  readonly expiresAtMs: number;
}

/** Stops everything in the scope. Its offset is the fence. */
export interface Halt {
  readonly type: "Halt";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** What it covers: fleet, agent:<name>, tool:<name> or chain:<id>. (internal) */
  readonly scope: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
  /** Id of the rule that decided; empty where a person did. (public) */
  readonly rule: string;
  /** Id of what caused it; with the rule it makes the order idempotent. (internal) */
  readonly cause: string;
}

/** Refuses calls of the key until a person closes it. */
export interface IsolateBreaker {
  readonly type: "IsolateBreaker";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Key of the breaker: tool:<name>, agent:<name> or agent:<name>/tool:<name>. (internal) */
  readonly key: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Refuses calls of the key until the breaker is closed. */
export interface OpenBreaker {
  readonly type: "OpenBreaker";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Key of the breaker: tool:<name>, agent:<name> or agent:<name>/tool:<name>. (internal) */
  readonly key: string;
  /** Id of the rule that decided; empty where a person did. (public) */
  readonly rule: string;
  /** Id of what caused it; with the rule it makes the order idempotent. (internal) */
  readonly cause: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Time until probes may be granted, in ms. (internal) */
  readonly cooldownMs: number;
}

/** Lifts the fence of one halt, in exactly its scope. */
export interface Resume {
  readonly type: "Resume";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** What it covers: fleet, agent:<name>, tool:<name> or chain:<id>. (internal) */
  readonly scope: string;
  /** Offset of the halt that is lifted. (internal) */
  readonly fence: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
  /** Per partition, the position up to which causes are forgiven. (internal) */
  readonly coversThrough: readonly PartitionPosition[];
}

/** Puts a policy in force. */
export interface SetPolicy {
  readonly type: "SetPolicy";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** SHA-256 of the canonical policy, hex. (public) */
  readonly hash: string;
  /** The policy, canonical JSON. (internal) */
  readonly policy: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Puts new tasks of a key off, or refuses them, until it is lifted; what is admitted goes on. */
export interface Throttle {
  readonly type: "Throttle";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Whose new tasks: fleet, agent:<name> or partition:<number>. (internal) */
  readonly key: string;
  /** throttled: one task per interval and partition; paused: none; shed: they are refused. (internal) */
  readonly level: "throttled" | "paused" | "shed" | "UNKNOWN";
  /** Shortest time between two new tasks in one partition while throttled, in ms. (internal) */
  readonly intervalMs: number;
  /** After which submitters are told to come again at the earliest, in ms. (internal) */
  readonly retryAfterMs: number;
  /** Id of the rule that decided; empty where a person did. (public) */
  readonly rule: string;
  /** Id of the record whose load caused it; empty where a person did. (internal) */
  readonly cause: string;
  /** When it was decided, by the time of the records, in ms since the epoch. (internal) */
  readonly sinceMs: number;
  /** Position (exclusive) up to which the signals were read when it was decided; empty where a person did. (internal) */
  readonly through: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Ends a freeze. */
export interface Unfreeze {
  readonly type: "Unfreeze";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Id of the freeze. (internal) */
  readonly freezeId: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Takes new tasks of a key again as they come. */
export interface Unthrottle {
  readonly type: "Unthrottle";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Whose new tasks: fleet, agent:<name> or partition:<number>. (internal) */
  readonly key: string;
  /** Id of the record whose load caused it; empty where a person did. (internal) */
  readonly cause: string;
  /** When it was decided, by the time of the records, in ms since the epoch. (internal) */
  readonly sinceMs: number;
  /** Position (exclusive) up to which the signals were read when it was decided; empty where a person did. (internal) */
  readonly through: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Principal who ordered it. (internal) */
  readonly by: string;
}

/** Decisions of an agent in one events partition since its last report, for the statistic of drift. */
export interface DecisionReport {
  readonly type: "DecisionReport";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** agent:<name>. (internal) */
  readonly key: string;
  /** Kinds of decisions with their numbers. (internal) */
  readonly counts: readonly DecisionCount[];
  /** Events partition that the signal comes from. (internal) */
  readonly sourcePartition: number;
  /** Offset of the event that the signal comes from. (internal) */
  readonly sourceOffset: string;
  /** Id of the rule that decided; empty where a person did. (public) */
  readonly rule: string;
  /** Number of the signal among those of the same event and rule. (internal) */
  readonly index: number;
  /** Time of the source event, in ms since the epoch. (internal) */
  readonly atMs: number;
}

/** Load of an agent in one events partition, or of the partition as a whole, for flow control. */
export interface LoadReport {
  readonly type: "LoadReport";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Key of flow control: agent:<name> or partition:<number>. (internal) */
  readonly key: string;
  /** Open chains. (internal) */
  readonly open: number;
  /** Of these, chains of which their agent has not begun anything. (internal) */
  readonly waiting: number;
  /** When the first of them was submitted, in ms since the epoch; 0 means none waits. (internal) */
  readonly oldestAtMs: number;
  /** Events partition that the signal comes from. (internal) */
  readonly sourcePartition: number;
  /** Offset of the event that the signal comes from. (internal) */
  readonly sourceOffset: string;
  /** Id of the rule that decided; empty where a person did. (public) */
  readonly rule: string;
  /** Number of the signal among those of the same event and rule. (internal) */
  readonly index: number;
  /** Time of the source event, in ms since the epoch. (internal) */
  readonly atMs: number;
}

/** How a call of a tool ended, or that it waits for a breaker, told to one breaker. */
export interface ToolOutcome {
  readonly type: "ToolOutcome";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Key of the breaker that it counts for: tool:<name>, agent:<name> or agent:<name>/tool:<name>. (internal) */
  readonly key: string;
  /** Name of the tool. (public) */
  readonly tool: string;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Id of the chain. (internal) */
  readonly chainId: string;
  /** Whether the call ended in a verified success. (public) */
  readonly ok: boolean;
  /** Error code; empty for a success. (public) */
  readonly code: string;
  /** Id of the grant that this call spent on this breaker; empty for none. (internal) */
  readonly probe: string;
  /** How long the call took, in ms; 0 where nobody said. (public) */
  readonly durationMs: number;
  /** Events partition that the signal comes from. (internal) */
  readonly sourcePartition: number;
  /** Offset of the event that the signal comes from. (internal) */
  readonly sourceOffset: string;
  /** Id of the rule that decided; empty where a person did. (public) */
  readonly rule: string;
  /** Number of the signal among those of the same event and rule. (internal) */
  readonly index: number;
  /** Time of the source event, in ms since the epoch. (internal) */
  readonly atMs: number;
}

/** Which chains an agent process runs. */
export interface AgentHeartbeat {
  readonly type: "AgentHeartbeat";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the agent. (public) */
  readonly agent: string;
  /** Name of the agent process. (internal) */
  readonly instance: string;
  /** Version whose chains the process runs; empty where it runs those of an agent that nobody deployed. (public) */
  readonly version: string;
  /** State of the agent machine. (internal) */
  readonly state: string;
  /** The chains that this process runs. (internal) */
  readonly chains: readonly ChainLife[];
  /** Send time in ms since the epoch. (internal) */
  readonly sentAtMs: number;
}

/** That a gateway lives, and which partitions it holds, loads or drains. */
export interface GatewayHeartbeat {
  readonly type: "GatewayHeartbeat";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the gateway process, as it stands in claims. (internal) */
  readonly gateway: string;
  /** Its partitions. (internal) */
  readonly doors: readonly DoorLife[];
  /** Send time in ms since the epoch. (internal) */
  readonly sentAtMs: number;
}

/** How far a supervisor has read one partition. */
export interface SupervisorHeartbeat {
  readonly type: "SupervisorHeartbeat";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Name of the supervisor process. (internal) */
  readonly supervisor: string;
  /** Which kind of partition this heartbeat is about. (internal) */
  readonly stream: "events" | "signals" | "UNKNOWN";
  /** Number of the partition. (internal) */
  readonly partition: number;
  /** Position (exclusive) up to which the supervisor has read the partition. (internal) */
  readonly eventsThrough: string;
  /** End of the directives topic as the supervisor saw it. (internal) */
  readonly directivesEnd: string;
  /** Offset of the last valid record that was read; empty for none. (internal) */
  readonly lastOffset: string;
  /** Offset of the latest claim that was read; empty for none. (internal) */
  readonly claimOffset: string;
  /** Nonce of that claim; empty for none. (internal) */
  readonly claimNonce: string;
  /** Send time in ms since the epoch. (internal) */
  readonly sentAtMs: number;
}

/** A record that no reader could accept, with its bytes and the reason. */
export interface DeadLetter {
  readonly type: "DeadLetter";
  /** Identity, lineage and circumstances of the record; see meta.avsc. (internal) */
  readonly meta: Meta;
  /** Error code of the error table. (public) */
  readonly code: string;
  /** Why, in one sentence for a person. (internal) */
  readonly reason: string;
  /** Topic of the refused record. (internal) */
  readonly topic: string;
  /** Number of the partition. (internal) */
  readonly partition: number;
  /** Offset of the refused record. (internal) */
  readonly offset: string;
  /** Headers of the refused record as a JSON object of strings. (secret) */
  readonly headers: string;
  /** Value of the refused record, unchanged. (secret) */
  readonly bytes: Uint8Array;
}

export type BusEvent =
  | ApprovalDenied
  | ApprovalExpired
  | ApprovalGranted
  | ApprovalRequested
  | ChainDegraded
  | ChainHalted
  | ChainResumed
  | CommandDeferred
  | CommandRejected
  | ConfidenceReported
  | DirectivesApplied
  | Diverged
  | DoorDegraded
  | DoorOpened
  | EffectAbandoned
  | EffectAdmitted
  | EffectAlreadyDone
  | EffectAwaited
  | EffectCommitted
  | EffectCommittedInvalid
  | EffectContradicted
  | EffectDisputed
  | EffectFailed
  | EffectInDoubt
  | EffectRefused
  | EffectSettled
  | EffectVerified
  | GateDue
  | GateFailed
  | GatePassed
  | HaltAcknowledged
  | HandOffAnswered
  | HandOffTaken
  | HandedOff
  | LogGap
  | ModelCallAdmitted
  | ModelCallCompleted
  | ModelCallFailed
  | PartitionClaimed
  | PartitionReleased
  | RollbackStarted
  | RuleShadowed
  | ScopeNarrowed
  | StatementChecked
  | StatementRecorded
  | SubtaskFinished
  | TaskAlreadyKnown
  | TaskAssigned
  | TaskCompleted
  | TaskFailed
  | TaskSent
  | TaskSubmitted
  | TimerFired
  | TimerSet
  | VerdictGiven
  | VerdictsRequested;

export type BusCommand =
  | AnswerHandOff
  | ApproveEffect
  | CallModel
  | CallTool
  | CompleteTask
  | DenyEffect
  | FailTask
  | HandOff
  | MakeStatement
  | ReportConfidence
  | ReportDivergence
  | ReportSubtask
  | RequestJournal
  | RollBack
  | SendTask
  | SetTimer
  | SettleEffect
  | SubmitTask
  | TakeHandOff;

export type BusDirective =
  | AgentDeployed
  | AgentPromoted
  | AgentRolledBack
  | AgentScaled
  | AgentUndeployed
  | CloseBreaker
  | DriftDetected
  | Freeze
  | Grant
  | Halt
  | IsolateBreaker
  | OpenBreaker
  | Resume
  | SetPolicy
  | Throttle
  | Unfreeze
  | Unthrottle;

export type BusSignal =
  | DecisionReport
  | LoadReport
  | ToolOutcome;

export type BusHeartbeat =
  | AgentHeartbeat
  | GatewayHeartbeat
  | SupervisorHeartbeat;

/** Every message, by its type. */
export interface MessageMap {
  readonly ApprovalDenied: ApprovalDenied;
  readonly ApprovalExpired: ApprovalExpired;
  readonly ApprovalGranted: ApprovalGranted;
  readonly ApprovalRequested: ApprovalRequested;
  readonly ChainDegraded: ChainDegraded;
  readonly ChainHalted: ChainHalted;
  readonly ChainResumed: ChainResumed;
  readonly CommandDeferred: CommandDeferred;
  readonly CommandRejected: CommandRejected;
  readonly ConfidenceReported: ConfidenceReported;
  readonly DirectivesApplied: DirectivesApplied;
  readonly Diverged: Diverged;
  readonly DoorDegraded: DoorDegraded;
  readonly DoorOpened: DoorOpened;
  readonly EffectAbandoned: EffectAbandoned;
  readonly EffectAdmitted: EffectAdmitted;
  readonly EffectAlreadyDone: EffectAlreadyDone;
  readonly EffectAwaited: EffectAwaited;
  readonly EffectCommitted: EffectCommitted;
  readonly EffectCommittedInvalid: EffectCommittedInvalid;
  readonly EffectContradicted: EffectContradicted;
  readonly EffectDisputed: EffectDisputed;
  readonly EffectFailed: EffectFailed;
  readonly EffectInDoubt: EffectInDoubt;
  readonly EffectRefused: EffectRefused;
  readonly EffectSettled: EffectSettled;
  readonly EffectVerified: EffectVerified;
  readonly GateDue: GateDue;
  readonly GateFailed: GateFailed;
  readonly GatePassed: GatePassed;
  readonly HaltAcknowledged: HaltAcknowledged;
  readonly HandOffAnswered: HandOffAnswered;
  readonly HandOffTaken: HandOffTaken;
  readonly HandedOff: HandedOff;
  readonly LogGap: LogGap;
  readonly ModelCallAdmitted: ModelCallAdmitted;
  readonly ModelCallCompleted: ModelCallCompleted;
  readonly ModelCallFailed: ModelCallFailed;
  readonly PartitionClaimed: PartitionClaimed;
  readonly PartitionReleased: PartitionReleased;
  readonly RollbackStarted: RollbackStarted;
  readonly RuleShadowed: RuleShadowed;
  readonly ScopeNarrowed: ScopeNarrowed;
  readonly StatementChecked: StatementChecked;
  readonly StatementRecorded: StatementRecorded;
  readonly SubtaskFinished: SubtaskFinished;
  readonly TaskAlreadyKnown: TaskAlreadyKnown;
  readonly TaskAssigned: TaskAssigned;
  readonly TaskCompleted: TaskCompleted;
  readonly TaskFailed: TaskFailed;
  readonly TaskSent: TaskSent;
  readonly TaskSubmitted: TaskSubmitted;
  readonly TimerFired: TimerFired;
  readonly TimerSet: TimerSet;
  readonly VerdictGiven: VerdictGiven;
  readonly VerdictsRequested: VerdictsRequested;
  readonly AnswerHandOff: AnswerHandOff;
  readonly ApproveEffect: ApproveEffect;
  readonly CallModel: CallModel;
  readonly CallTool: CallTool;
  readonly CompleteTask: CompleteTask;
  readonly DenyEffect: DenyEffect;
  readonly FailTask: FailTask;
  readonly HandOff: HandOff;
  readonly MakeStatement: MakeStatement;
  readonly ReportConfidence: ReportConfidence;
  readonly ReportDivergence: ReportDivergence;
  readonly ReportSubtask: ReportSubtask;
  readonly RequestJournal: RequestJournal;
  readonly RollBack: RollBack;
  readonly SendTask: SendTask;
  readonly SetTimer: SetTimer;
  readonly SettleEffect: SettleEffect;
  readonly SubmitTask: SubmitTask;
  readonly TakeHandOff: TakeHandOff;
  readonly AgentDeployed: AgentDeployed;
  readonly AgentPromoted: AgentPromoted;
  readonly AgentRolledBack: AgentRolledBack;
  readonly AgentScaled: AgentScaled;
  readonly AgentUndeployed: AgentUndeployed;
  readonly CloseBreaker: CloseBreaker;
  readonly DriftDetected: DriftDetected;
  readonly Freeze: Freeze;
  readonly Grant: Grant;
  readonly Halt: Halt;
  readonly IsolateBreaker: IsolateBreaker;
  readonly OpenBreaker: OpenBreaker;
  readonly Resume: Resume;
  readonly SetPolicy: SetPolicy;
  readonly Throttle: Throttle;
  readonly Unfreeze: Unfreeze;
  readonly Unthrottle: Unthrottle;
  readonly DecisionReport: DecisionReport;
  readonly LoadReport: LoadReport;
  readonly ToolOutcome: ToolOutcome;
  readonly AgentHeartbeat: AgentHeartbeat;
  readonly GatewayHeartbeat: GatewayHeartbeat;
  readonly SupervisorHeartbeat: SupervisorHeartbeat;
  readonly DeadLetter: DeadLetter;
}

/** The messages of a family, by its name. */
export interface FamilyMap {
  readonly "event": BusEvent;
  readonly "command": BusCommand;
  readonly "directive": BusDirective;
  readonly "signal": BusSignal;
  readonly "heartbeat": BusHeartbeat;
  readonly "dead-letter": DeadLetter;
}

/** The family of each message type. */
export const FAMILY_OF = {
  ApprovalDenied: "event",
  ApprovalExpired: "event",
  ApprovalGranted: "event",
  ApprovalRequested: "event",
  ChainDegraded: "event",
  ChainHalted: "event",
  ChainResumed: "event",
  CommandDeferred: "event",
  CommandRejected: "event",
  ConfidenceReported: "event",
  DirectivesApplied: "event",
  Diverged: "event",
  DoorDegraded: "event",
  DoorOpened: "event",
  EffectAbandoned: "event",
  EffectAdmitted: "event",
  EffectAlreadyDone: "event",
  EffectAwaited: "event",
  EffectCommitted: "event",
  EffectCommittedInvalid: "event",
  EffectContradicted: "event",
  EffectDisputed: "event",
  EffectFailed: "event",
  EffectInDoubt: "event",
  EffectRefused: "event",
  EffectSettled: "event",
  EffectVerified: "event",
  GateDue: "event",
  GateFailed: "event",
  GatePassed: "event",
  HaltAcknowledged: "event",
  HandOffAnswered: "event",
  HandOffTaken: "event",
  HandedOff: "event",
  LogGap: "event",
  ModelCallAdmitted: "event",
  ModelCallCompleted: "event",
  ModelCallFailed: "event",
  PartitionClaimed: "event",
  PartitionReleased: "event",
  RollbackStarted: "event",
  RuleShadowed: "event",
  ScopeNarrowed: "event",
  StatementChecked: "event",
  StatementRecorded: "event",
  SubtaskFinished: "event",
  TaskAlreadyKnown: "event",
  TaskAssigned: "event",
  TaskCompleted: "event",
  TaskFailed: "event",
  TaskSent: "event",
  TaskSubmitted: "event",
  TimerFired: "event",
  TimerSet: "event",
  VerdictGiven: "event",
  VerdictsRequested: "event",
  AnswerHandOff: "command",
  ApproveEffect: "command",
  CallModel: "command",
  CallTool: "command",
  CompleteTask: "command",
  DenyEffect: "command",
  FailTask: "command",
  HandOff: "command",
  MakeStatement: "command",
  ReportConfidence: "command",
  ReportDivergence: "command",
  ReportSubtask: "command",
  RequestJournal: "command",
  RollBack: "command",
  SendTask: "command",
  SetTimer: "command",
  SettleEffect: "command",
  SubmitTask: "command",
  TakeHandOff: "command",
  AgentDeployed: "directive",
  AgentPromoted: "directive",
  AgentRolledBack: "directive",
  AgentScaled: "directive",
  AgentUndeployed: "directive",
  CloseBreaker: "directive",
  DriftDetected: "directive",
  Freeze: "directive",
  Grant: "directive",
  Halt: "directive",
  IsolateBreaker: "directive",
  OpenBreaker: "directive",
  Resume: "directive",
  SetPolicy: "directive",
  Throttle: "directive",
  Unfreeze: "directive",
  Unthrottle: "directive",
  DecisionReport: "signal",
  LoadReport: "signal",
  ToolOutcome: "signal",
  AgentHeartbeat: "heartbeat",
  GatewayHeartbeat: "heartbeat",
  SupervisorHeartbeat: "heartbeat",
  DeadLetter: "dead-letter",
} as const;

/** Fields that hold personal or secret content in any record: kept out of logs. */
export const SENSITIVE_FIELDS = ["about","answer","args","bytes","cites","claims","expected","expects","fact","freshness","headers","input","output","question","readBack","reconciled","request","response","result","seen","statement","subject","taskKey","value"] as const;
