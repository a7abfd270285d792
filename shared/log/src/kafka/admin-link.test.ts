import { KafkaJSError } from "kafkajs";
import { expect, test } from "vitest";
import { saysNotNow } from "./admin-link.ts";

const said = (type: string): Error => Object.assign(new Error(type), { type });

test.each(["NOT_COORDINATOR_FOR_GROUP", "GROUP_COORDINATOR_NOT_AVAILABLE", "LEADER_NOT_AVAILABLE", "NOT_CONTROLLER"])(
  "a broker that says %s is asked again [log:not-now]",
  (type) => {
    expect(saysNotNow(said(type))).toBe(true);
    expect(saysNotNow(new Error("wrapped", { cause: new Error("again", { cause: said(type) }) }))).toBe(true);
  },
);

test.each(["TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PARTITION", "INVALID_CONFIG", ""])(
  "and one that says %s is not [log:not-now]",
  (type) => {
    expect(saysNotNow(said(type))).toBe(false);
    expect(saysNotNow(new KafkaJSError("no connection"))).toBe(false);
  },
);
