/**
 * The policy of a gateway that starts while agents are deployed: its own, with the rows that were deployed. A row travels
 * with its deployment, so a gateway with an older project file takes nothing from a deployed agent.
 */
import type { AppliedDirective } from "@busbar/events";
import { isJsonObject, own, parseJson } from "@busbar/kernel";
import { applyDeployment, type Deployments } from "./deployments.ts";
import type { Policy } from "./policy-document.ts";
import { directiveBody } from "./replay/directives.ts";

/** `applied`: all directives so far, in order. */
export function withDeployedRows(policy: Policy, applied: readonly AppliedDirective[]): Policy {
  let deployments: Deployments = {};
  let inForce: Policy | null = null;
  for (const directive of applied) {
    const body = directiveBody(directive);
    deployments = applyDeployment(deployments, directive, body);
    if (directive.kind !== "SetPolicy" || typeof body["policy"] !== "string") continue;
    const found = parseJson(body["policy"]);
    if (isJsonObject(found)) inForce = found as unknown as Policy;
  }
  const agents = { ...policy.agents };
  for (const [name, { isClosed }] of Object.entries(deployments)) {
    const row = inForce === null ? undefined : own(inForce.agents, name);
    if (!isClosed && row !== undefined) agents[name] = row;
  }
  return { ...policy, agents };
}
