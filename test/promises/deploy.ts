/** Promises about deployments: versions, their processes, upgrades and rollbacks. */

export const DEPLOY = {
  "deploy:version-pinned":
    "the first assignment pins a chain to a version, if one is deployed; no other may speak for it",
  "deploy:versions-side-by-side": "two versions run side by side; each passes over what is meant for the other",
  "deploy:order-is-a-record": "which version takes new tasks changes only by an applied order of a person",
  "deploy:rollback": "a rollback makes the version before current and moves only chains that have not begun",
  "deploy:undeployed-refused": "a new task of an undeployed agent is refused; a sub-task fails",
  "deploy:force-ends": "an undeploy by force fails the open chains once their effects are known",
  "deploy:validated": "what is deployed is checked first: schemas, tools, policy, version",
  "deploy:policy-travels": "the agent's policy row is deployed with it; a gateway's own policy keeps it",
  "deploy:code-digest":
    "the digest covers the loaded files; a version never changes it, and runs from a copy that has it",
  "deploy:supervised":
    "instances are asked whether they are ready and alive, started again, and given up after a bound",
  "deploy:promoted-when-ready": "a version takes new tasks when all of its processes are ready",
  "deploy:drains": "a version runs until nobody gives it chains and none of its chains is open",
  "deploy:upgrade-under-load": "an upgrade under load and kill -9 loses no chain and splits none",
  "deploy:broken-rolled-back": "a version whose processes are given up is rolled back by an order",
  "deploy:leaves-nothing": "an undeploy leaves no process behind",
  "deploy:status": "status shows versions, ready of wanted, restarts, draining chains",
  "deploy:compose": "for compose: an image and a service with health check and bounded restarts",
  "deploy:halt-survives": "a halted agent stays halted over restart and redeploy",
  "deploy:waits-without-process": "a chain of whose version no process lives waits",
} as const;
