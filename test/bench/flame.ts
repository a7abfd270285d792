/** A V8 CPU profile as a flame graph (SVG) and as self time per part of the program. Pure. */

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
}

/** As `node --cpu-prof` writes it: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  /** Node ids, one per sample. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface Frame {
  readonly name: string;
  readonly part: string;
  /** Microseconds in this frame itself. */
  selfUs: number;
  /** Microseconds in it and in what it called. */
  totalUs: number;
  readonly children: Map<string, Frame>;
}

const ASLEEP = new Set(["(idle)", "(root)"]);

/** Which part of the program a frame belongs to. */
export function partOf({ functionName, url }: CallFrame): string {
  if (functionName === "(garbage collector)") return "garbage collector";
  if (functionName === "(program)") return "system calls and V8 itself";
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  const own = /\/(shared|services|test)\/([^/]+)\//.exec(url);
  if (own !== null) return own[1] === "shared" ? `@busbar/${own[2]}` : `${own[1]}/${own[2]}`;
  return url.startsWith("node:") ? url.replace(/^(node:)(internal\/)?([^/]+).*/, "$1$3") : "native functions";
}

/** The last `lastMs` of a profile as a tree; without the time in which the process slept. */
export function flameOf(profile: CpuProfile, lastMs: number): Frame {
  const root: Frame = { name: "all", part: "", selfUs: 0, totalUs: 0, children: new Map() };
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((id) => [id, node.id] as const)));
  const frames = new Map<number, Frame>();
  const frameOf = (id: number): Frame => {
    const known = frames.get(id);
    if (known !== undefined) return known;
    const node = nodes.get(id);
    const parentId = parents.get(id);
    if (node === undefined || parentId === undefined) return root;
    const parent = frameOf(parentId);
    const part = partOf(node.callFrame);
    const name = node.callFrame.functionName === "" ? "(anonymous)" : node.callFrame.functionName;
    const key = `${part} ${name}`;
    const frame = parent.children.get(key) ?? { name, part, selfUs: 0, totalUs: 0, children: new Map<string, Frame>() };
    parent.children.set(key, frame);
    frames.set(id, frame);
    return frame;
  };
  let leftUs = lastMs * 1000;
  for (let index = profile.samples.length - 1; index >= 0 && leftUs > 0; index -= 1) {
    const [id, deltaUs] = [profile.samples[index] ?? 0, profile.timeDeltas[index] ?? 0];
    leftUs -= deltaUs;
    if (!ASLEEP.has(nodes.get(id)?.callFrame.functionName ?? "")) frameOf(id).selfUs += deltaUs;
  }
  addUp(root);
  return root;
}

function addUp(frame: Frame): number {
  frame.totalUs = [...frame.children.values()].reduce((sum, child) => sum + addUp(child), frame.selfUs);
  return frame.totalUs;
}

/** Self time by part, microseconds, the largest first. */
export function selfByPart(root: Frame): readonly (readonly [part: string, us: number])[] {
  const sums = new Map<string, number>();
  const visit = (frame: Frame): void => {
    if (frame.selfUs > 0) sums.set(frame.part, (sums.get(frame.part) ?? 0) + frame.selfUs);
    for (const child of frame.children.values()) visit(child);
  };
  visit(root);
  return [...sums].toSorted((left, right) => right[1] - left[1]);
}

const WIDTH = 1200;
const ROW = 17;
/** Narrower frames are left out: nobody can read them, and they are most of the file. */
const NARROWEST = 3;
const CHARACTER = 6.2;

const escaped = (text: string): string => text.replace(/[&<>"]/g, (one) => `&#${one.codePointAt(0)};`);

/** A color for each part, the same in every graph. */
function colorOf(part: string): string {
  let sum = 0;
  for (const one of part) sum = (sum * 31 + (one.codePointAt(0) ?? 0)) % 360;
  return `hsl(${sum} 62% 72%)`;
}

/** Callers above, callees below; the width is time. */
export function flameSvg(root: Frame, title: string): string {
  const rows: string[] = [];
  let depth = 0;
  const draw = (frame: Frame, x: number, level: number): void => {
    const width = (frame.totalUs / root.totalUs) * WIDTH;
    if (width < NARROWEST) return;
    depth = Math.max(depth, level);
    const share = ((frame.totalUs / root.totalUs) * 100).toFixed(1);
    const label = `${frame.name}${frame.part === "" ? "" : ` · ${frame.part}`}`;
    const shown = label.slice(0, Math.max(0, Math.floor((width - 4) / CHARACTER)));
    const y = (level + 1) * ROW;
    rows.push(
      `<g><title>${escaped(label)}: ${share} %</title><rect x="${x.toFixed(1)}" y="${y}" width="${(width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${colorOf(frame.part)}"/>${shown.length > 2 ? `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(shown)}</text>` : ""}</g>`,
    );
    let at = x;
    const children = [...frame.children.values()].toSorted((left, right) => right.totalUs - left.totalUs);
    for (const child of children) {
      draw(child, at, level + 1);
      at += (child.totalUs / root.totalUs) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const height = (depth + 3) * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/><text x="4" y="12" font-size="12">${escaped(title)}</text>`,
    ...rows,
    "</svg>",
    "",
  ].join("\n");
}
