/** Projects: busbar.yaml, its modules, its policy, its toolbox (Node). */
export * from "./project.ts";
export * from "./toolbox.ts";
