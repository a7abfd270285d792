/** Tables of Markdown from rows of cells. */

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** A table; an empty one where there are no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows.map((row) => row.map(cell))];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

export const code = (text: string): string => (text === "" ? "" : `\`${text}\``);

/** Pages begin with their title and where they come from. */
export function pageOf(title: string, parts: readonly string[]): string {
  return `${[`# ${title}`, ...parts].join("\n\n")}\n`;
}
