/** Promises about the log and about who owns its partitions; part of requirements.ts, which says what they are. */
export const LOG_PROMISES = {
  append: {
    "append:answers-appended-or-unknown":
      "append answers appended or unknown: it never throws and never succeeds by half",
    "append:size-checked-first":
      "a record is encoded and size-checked before its decision takes effect; what is too large is refused to its author",
    "append:command-in-one-append": "the records of one command never straddle two appends",
    "append:offset-mismatch-is-unknown": "a base offset other than the one written for, or -1, is unknown",
    "append:unknown-drops-producer":
      "a rejected or unanswered send throws its producer away; the next append goes through a new one",
    "append:every-partition-answers":
      "a send that does not bring exactly one answer for the partition it named is unknown",
    "append:bad-topic-alone":
      "a topic that may not be written, or is gone, fails alone: what is published with it for other topics is appended",
    "append:never-sent-twice": "the log port never sends the same records a second time",
    "append:one-in-flight":
      "one idempotent producer per owned partition, acks of all, explicit partition, one request in flight",
    "append:reads-past-open-transaction":
      "an open transaction of anyone does not hide the end of the log from a reader",
    "append:hole-is-void": "a hole in the offsets is one void position",
    "append:broker-time": "records of the events topic carry the broker's append time, returned with the answer",
  },
  placement: {
    "placement:headers-stamped":
      "each record the owner appends carries type, at and epoch; a claim carries owner and nonce and no at",
    "placement:claims-always-count": "a claim record counts wherever it lies",
    "placement:void-before-first-claim": "before the first claim every record is void",
    "placement:void-at-mismatch": "a record at another offset than the one it was written for is void",
    "placement:void-epoch-mismatch":
      "a record whose epoch is not the latest claim before it, offset and nonce both, is void",
    "placement:offset-zero": "offset 0 is an offset",
    "placement:headers-alone":
      "validity is decided from offset and headers alone, so undecodable bytes are judged alike",
    "placement:readers-agree": "every reader of the same records finds the same ones valid, wherever it starts",
    "placement:start-in-mid-log":
      "a reader that starts in mid-log takes offset and claim from a checkpoint or heartbeat at or before its start",
    "placement:void-counted": "void records are counted and shown",
    "placement:sequence-counts-valid": "the stream sequence of a chain counts valid records only",
    "placement:event-id": "an event id is topic, partition and offset",
    "placement:void-is-never-state": "a void record never changes state",
    "placement:contradiction-halts":
      "evidence against an earlier settlement is recorded as EffectContradicted and halts the chain",
    "placement:digest-chain":
      "each record carries the digest of its raw bytes and of the previous valid record of its partition",
  },
  log: {
    "log:same-contract":
      "the Kafka and the embedded log pass the same contract suite, which prints what an adapter does not offer",
    "log:produce-bytes":
      "the bytes of a produce request are those that kafkajs makes of it, for every form of record that this log sends; other forms are left to kafkajs",
    "log:not-now": "a broker that cannot answer yet, because a coordinator or leader moves, is asked again for a while",
    "log:order": "the records of one partition are read in the order of their offsets",
    "log:read-range": "a range [from, to) is read exactly, and the read ends",
    "log:end-past-control-records":
      "a read to the end finishes where control records or empty batches take the last offsets",
    "log:groups-co-partitioned": "a group member owns the same partition numbers of all co-partitioned topics",
    "log:assignment-sticky": "a rebalance leaves a partition with the member that holds its highest epoch",
    "log:membership-comes-back":
      "a member that lost its broker owns nothing, and is given its partitions anew when the broker is back",
    "log:seek-drops-old-batch": "after a seek, records of an older fetch are not delivered as the next ones",
    "log:overlapping-sends":
      "overlapping idempotent sends lose records after a lost answer; the port never overlaps them",
    "log:partition-by-us": "the partition is computed from the chain by us and stays the same at each retry",
    "log:poison-is-data":
      "a record of 3 bytes, null, of an unknown id or too large is handed on as data, never as an exception",
    "log:compressed-batch":
      "a batch in a codec that cannot be read stops no consumer: its range is reported and passed",
    "log:no-topic-by-typo": "a topic that does not exist is an error and is not created",
    "log:truncated-fails-closed": "a position past the end of the log fails the partition closed",
    "log:gap-fails-closed": "a low watermark above our position fails the partition closed",
    "log:undecodable-fails-closed":
      "a valid record that cannot be decoded shuts its partition, with its position and what to type, until a person acts",
    "log:reached-is-told": "a follower tells once that its broker is away and once that it answers again",
    "log:settings-checked": "topic and broker settings that durability rests on are checked at start",
    "log:embedded-blind-append":
      "the embedded log appends blindly and returns the offset; it has no compare-and-set of its own",
    "log:embedded-compacts": "of a compacted topic the embedded log keeps the last record of each key",
    "log:faults-in-both": "unknown answers, late records and a second claimant are injected into both adapters",
  },
  ownership: {
    "ownership:claim-closes-door": "a claim closes the door of its partition",
    "ownership:loaded-after-own-claim": "an owner is loaded when it has replayed up to its own claim",
    "ownership:no-effect-before-door": "no effect is admitted before a DoorOpened of the owner's own epoch",
    "ownership:superseded-stops": "an owner that sees a higher claim stops at once",
    "ownership:idle-owner-notices": "an idle owner notices a takeover by comparing its end offset",
    "ownership:silence-by-the-log":
      "a gateway is silent when its beats have stopped while others' go on, by the broker's time, for every reader alike",
    "ownership:successors-in-order":
      "the partitions of a silent gateway are taken over by one successor, in an order that all see alike",
    "ownership:no-duel":
      "gateways that take each other for dead claim a bounded number of times: who finds a live claimant yields",
    "ownership:fast-takeover": "a killed gateway's partitions are served again long before its group session ends",
    "ownership:any-start-order": "gateways, supervisors and agents start in any order",
    "ownership:rebalance-keeps-epoch": "a rebalance that gives a partition back to its owner changes nothing",
    "ownership:release-then-claim":
      "a loser drains within a bound and releases; its successor claims after the release or after the bound",
    "ownership:handler-only-enqueues": "the consumer's handler only enqueues and never waits for a durable step",
    "ownership:checkpoint-acknowledged": "a checkpoint is taken from acknowledged state only",
    "ownership:checkpoint-while-loading":
      "a checkpoint that the present owner saves while another one loads is no sign of a truncated log",
    "ownership:checkpoint-newest-wins": "checkpoints are compared by offset; an older one never wins",
    "ownership:checkpoint-mismatch-reloads":
      "a checkpoint whose digest does not match the log is thrown away and the partition reloaded",
    "ownership:checkpoint-off-the-loop":
      "a checkpoint is written between other work, and loaded at the cost of a few checkpoints, whatever the topic keeps",
    "ownership:restore-equals-replay": "restoring at any prefix and going on gives the state of an unbroken replay",
    "ownership:state-bounded": "finished chains leave memory; state stays bounded over many events",
    "ownership:zombie-fires-nothing":
      "an owner that was suspended and replaced fires no effect that its successor has not seen",
  },
} as const;
