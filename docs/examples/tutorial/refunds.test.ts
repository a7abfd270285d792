/** The tool as the door sees it: no bus, no database. */
import { test } from "node:test";
import { answers, calls, specifyDoor } from "@busbar/testkit";
import { tools } from "./refunds.ts";

const door = specifyDoor({ tools });
const refund = calls("refunds.pay", { orderId: 7 });

test("the same refund in one task is answered from the record", () => {
  door
    .given(refund, answers({ refund: 1 }))
    .when(refund)
    .thenRecords("EffectAlreadyDone");
});

test("a refund of something that is no order is refused", () => {
  door
    .given()
    .when(calls("refunds.pay", { orderId: "7; all of them" }))
    .thenRecords("EffectRefused");
});
