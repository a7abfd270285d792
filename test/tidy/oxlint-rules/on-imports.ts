/**
 * The frame of the local rules: calls a judge for each import, export-from and dynamic import of a file.
 */

interface Literal {
  readonly value?: unknown;
}

interface ImportNode {
  readonly source?: Literal | null;
}

interface RuleContext {
  readonly filename: string;
  report(descriptor: { node: unknown; message: string }): void;
}

type Visitor = (node: ImportNode) => void;

/** A rule of oxlint's plugin interface, as far as the local rules use it. */
export interface ImportRule {
  create(context: RuleContext): Record<string, Visitor>;
}

/** A rule that reports what `judge` says about (specifier, file); silent where it says nothing. */
export function onImports(judge: (specifier: string, file: string) => string | undefined): ImportRule {
  return {
    create(context) {
      const visit: Visitor = (node) => {
        const specifier = node.source?.value;
        if (typeof specifier !== "string") return;
        const message = judge(specifier, context.filename);
        if (message !== undefined) context.report({ node: node.source, message });
      };
      return {
        ImportDeclaration: visit,
        ExportNamedDeclaration: visit,
        ExportAllDeclaration: visit,
        ImportExpression: visit,
      };
    },
  };
}
