/** The machines that decide legality: of chains (the door asks it) and of agent processes (the runner asks it). Pure. */
export * from "@busbar/policy/machines";
export * from "./agent.ts";
