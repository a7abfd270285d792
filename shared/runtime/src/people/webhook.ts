/** Notices over HTTP: one POST of JSON each. The address may hold a secret, so it stands in no line of any log. */
import { busbarError } from "@busbar/kernel";
import type { Logger } from "@busbar/telemetry";
import { SYSTEM_TIMERS } from "../ports.ts";
import { createNotices, NO_NOTICES, type Notice, type NoticeBoard } from "./notices.ts";

/** The notices of a process that has BUSBAR_WEBHOOK_URL; nobody is told where it is not set. */
export function webhookNotices(
  env: Readonly<Record<string, string | undefined>>,
  logger: Logger,
  redact?: (text: string) => string,
): NoticeBoard {
  const address = env["BUSBAR_WEBHOOK_URL"] ?? "";
  if (address === "") return NO_NOTICES;
  return createNotices({ post: webhookTo(address, redact), timers: SYSTEM_TIMERS, logger });
}

/** Throws BUSBAR_CONFIG_INVALID for what is no http(s) address; the address is not repeated. */
export function webhookTo(
  address: string,
  redact: (text: string) => string = (text) => text,
): (notice: Notice, signal: AbortSignal) => Promise<void> {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    const reason = "it is no http:// or https:// address";
    throw busbarError("BUSBAR_CONFIG_INVALID", { file: "BUSBAR_WEBHOOK_URL", reason });
  }
  return async (notice, signal) => {
    const headers = { "content-type": "application/json", "idempotency-key": notice.event };
    const body = redact(JSON.stringify(notice));
    const answer = await fetch(url, { method: "POST", headers, body, signal, redirect: "error" });
    // What it says is nobody's business, and may be long.
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
  };
}
