/** The promises of docs/security.md; part of requirements.ts. */
export const SECURITY = {
  "security:login-required": "a broker of ours answers nobody who does not log in",
  "security:tls":
    "a broker that speaks TLS serves who knows its authority; the others are told how the connection failed",
  "security:deny-by-default": "what no rule allows is denied, on every listener of a broker of ours",
  "security:one-principal-per-agent":
    "each agent and client, gateways, supervisors and operators log in as principals of their own",
  "security:agent-writes-commands-only":
    "an agent writes commands and signs of life, and no events, directives, control or inbox",
  "security:agent-reads-its-own":
    "an agent reads its own inbox and the directives, and no events, commands or other inbox",
  "security:orders-once": "a copied order is no new order, wherever and in whatever spelling it is written again",
  "security:orders-by-role": "a service orders what is its own, and nothing of a person's or of another service",
  "security:signed-principal": "who ordered something is who signed it, whatever the text says",
  "security:beats-signed":
    "a sign of life counts from whoever it names, once and when it is sent: nobody else keeps a door open or a chain alive",
  "security:clients-signed": "a task carries the code of the client that submits it, over its value and its place",
  "security:only-clients-open-chains":
    "an agent opens no chain of its own: only a client does, and a gateway for a sub-task",
  "security:rotation":
    "a key is replaced while the bus runs: the old one is accepted until it is retired and refused after it, and what an order's key signed in its time stands",
  "security:secrets-by-name": "a tool gets the secrets that it declares, by name, from the process of its gateway",
  "security:secrets-in-gateway-only": "a process that calls no tool is started without the secrets of tools",
  "security:redacted":
    "what a process knows to be secret is in no record and no log line that it writes, nor in what it makes of a record that it reads",
  "security:canary":
    "a secret that comes up in arguments, results, errors, requests and environments is found in no topic, checkpoint, blob, dead letter or log",
  "security:changed-tool-refused":
    "a tool whose manifest is not the one that the policy in force was made of is refused, with both digests",
  "security:commands-not-replayed": "a command that is written again, by whomever and wherever, is no second command",
  "security:second-wall": "what gets past the broker is still void or refused: placement, codes and signatures",
} as const;
