/** Names of the bus's topics under a prefix (default `busbar`); tests and namespaces take another prefix. */
export interface TopicNames {
  readonly events: string;
  readonly commands: string;
  readonly control: string;
  readonly directives: string;
  readonly signals: string;
  readonly heartbeats: string;
  readonly checkpoints: string;
  readonly deadLetters: string;
  readonly blobs: string;
  inbox(agent: string): string;
}

export function topicNames(prefix = "busbar"): TopicNames {
  return {
    events: `${prefix}.events`,
    commands: `${prefix}.commands`,
    control: `${prefix}.control`,
    directives: `${prefix}.directives`,
    signals: `${prefix}.signals`,
    heartbeats: `${prefix}.heartbeats`,
    checkpoints: `${prefix}.checkpoints`,
    deadLetters: `${prefix}.dead-letters`,
    blobs: `${prefix}.blobs`,
    inbox: (agent) => `${prefix}.inbox.${agent}`,
  };
}
