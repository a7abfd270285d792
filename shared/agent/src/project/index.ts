/** Projects: busbar.yaml, its modules, its policy, its toolbox (Node). */
export * from "./check-project.ts";
export * from "./project.ts";
export type { ProjectFault } from "./project-text.ts";
export * from "./toolbox.ts";
