// Where each node of a tree is drawn: as a figure with every edge while there is place for it, else in rings around the host.
import type { Tree, TreeNode } from "../node/types";

export interface Spot {
  node: TreeNode;
  index: number;
  x: number;
  y: number;
}

/** The nodes that one node feeds and that feed nobody: dots, or a number where they are many. */
export interface Cluster {
  of: number; // index of who feeds them
  x: number;
  y: number;
  dots: { x: number; y: number }[]; // none if they are too many
  count: number;
}

export interface Figure {
  kind: "figure";
  width: number;
  height: number;
  letters: number; // of a name, for which there is place
  spots: Spot[];
  clusters: Cluster[];
}

/** A relay as a piece of a ring; the host is the disc in the middle. Angles in turns, from the top. */
export interface Arc {
  node: TreeNode;
  index: number;
  from: number;
  to: number;
  inner: number;
  outer: number;
}

export interface Rings {
  kind: "rings";
  width: number;
  height: number;
  disc: number; // radius of the host's
  arcs: Arc[];
}

const columns = [168, 136, 104]; // what a name needs, and more while there is place
const letter = 7.5; // the width of one, on average
const row = 112;
const top = 30;
const pitch = 16; // from dot to dot
const perRow = 5;
const mostDots = 20;
const gap = 12;

function below(tree: Tree): number[][] {
  const lists: number[][] = tree.nodes.map(() => []);
  tree.nodes.forEach((node, i) => lists[node.up]?.push(i));
  return lists;
}

/** The figure, if it is no wider than there is place. */
export function figure(tree: Tree, place: number): Figure | null {
  for (const column of columns) {
    const found = inColumns(tree, place, column);
    if (found) return found;
  }
  return null;
}

function inColumns(tree: Tree, place: number, column: number): Figure | null {
  const lists = below(tree);
  const widths = new Array<number>(tree.nodes.length).fill(0);
  const clusterWidth = (node: TreeNode) => (node.leaves === 0 ? 0 : node.leaves > mostDots ? 64 : Math.min(node.leaves, perRow) * pitch + gap);
  for (let i = tree.nodes.length - 1; i >= 0; i--) {
    const own = clusterWidth(tree.nodes[i]!);
    widths[i] = Math.max(column, lists[i]!.reduce((sum, k) => sum + widths[k]!, own));
  }
  if (tree.more > 0 || widths[0]! > place) return null;
  const spots: Spot[] = [];
  const clusters: Cluster[] = [];
  let bottom = 0;
  const put = (index: number, left: number) => {
    const node = tree.nodes[index]!;
    const y = top + node.depth * row;
    const own = clusterWidth(node);
    const children = lists[index]!;
    let at = left + (widths[index]! - children.reduce((sum, k) => sum + widths[k]!, own)) / 2;
    const middles: number[] = [];
    for (const child of children) {
      put(child, at);
      middles.push(spots.find((spot) => spot.index === child)!.x);
      at += widths[child]!;
    }
    if (own > 0) {
      const x = at + own / 2;
      const many = node.leaves > mostDots;
      const inRow = Math.min(node.leaves, perRow);
      const first = y + row - 24;
      const dots = Array.from({ length: many ? 0 : node.leaves }, (_, i) => {
        const line = Math.floor(i / perRow);
        const here = Math.min(inRow, node.leaves - line * perRow);
        return { x: x + ((i % perRow) - (here - 1) / 2) * pitch, y: first + line * pitch };
      });
      clusters.push({ of: index, x, y: first, dots, count: node.leaves });
      middles.push(x);
      bottom = Math.max(bottom, many ? first + 26 : first + Math.ceil(node.leaves / perRow) * pitch);
    }
    const x = middles.length > 0 ? (middles[0]! + middles.at(-1)!) / 2 : left + widths[index]! / 2;
    const least = left + column / 2;
    spots.push({ node, index, x: Math.min(Math.max(x, least), left + widths[index]! - column / 2), y });
    bottom = Math.max(bottom, y + 44);
  };
  put(0, (place - widths[0]!) / 2);
  spots.sort((a, b) => a.index - b.index);
  return { kind: "figure", width: place, height: bottom + 12, letters: Math.floor((column - 8) / letter), spots, clusters };
}

/** Rings: each relay has as much of the circle as it has nodes below it. */
export function rings(tree: Tree, place: number): Rings {
  const lists = below(tree);
  const size = Math.min(place, 560);
  const deepest = Math.max(1, ...tree.nodes.map((node) => node.depth));
  const disc = size * 0.15;
  const step = (size / 2 - 4 - disc) / deepest;
  const weights = new Array<number>(tree.nodes.length).fill(0);
  for (let i = tree.nodes.length - 1; i >= 0; i--) {
    weights[i] = lists[i]!.reduce((sum, k) => sum + weights[k]!, 1 + tree.nodes[i]!.leaves);
  }
  const arcs: Arc[] = [];
  const put = (index: number, from: number, turns: number) => {
    const node = tree.nodes[index]!;
    if (index > 0) {
      const inner = disc + (node.depth - 1) * step;
      arcs.push({ node, index, from, to: from + turns, inner, outer: inner + step });
    }
    // The host's own nodes are in nobody's ring, and take no part of it.
    const whole = index === 0 ? weights[0]! - 1 - node.leaves : weights[index]!;
    let at = from;
    for (const child of lists[index]!) {
      const share = (turns * weights[child]!) / Math.max(1, whole);
      put(child, at, share);
      at += share;
    }
  };
  put(0, 0, 1);
  arcs.sort((a, b) => a.index - b.index);
  return { kind: "rings", width: size, height: size, disc, arcs };
}

export function shape(tree: Tree, place: number): Figure | Rings {
  return figure(tree, place) ?? rings(tree, place);
}

/** The outline of a piece of a ring. */
export function outline({ from, to, inner, outer }: Arc, middle: number): string {
  const point = (radius: number, turn: number) => {
    const angle = 2 * Math.PI * turn - Math.PI / 2;
    return `${(middle + radius * Math.cos(angle)).toFixed(2)} ${(middle + radius * Math.sin(angle)).toFixed(2)}`;
  };
  const half = (from + to) / 2; // a whole circle is two halves: an arc from a point to itself is nothing
  const large = 0;
  return (
    `M${point(outer, from)}A${outer} ${outer} 0 ${large} 1 ${point(outer, half)}A${outer} ${outer} 0 ${large} 1 ${point(outer, to)}` +
    `L${point(inner, to)}A${inner} ${inner} 0 ${large} 0 ${point(inner, half)}A${inner} ${inner} 0 ${large} 0 ${point(inner, from)}Z`
  );
}

/** Where a number stands in a piece of a ring, or null if there is no place for so many characters. */
export function labelled({ from, to, inner, outer }: Arc, middle: number, characters: number): { x: number; y: number } | null {
  const radius = (inner + outer) / 2;
  if (2 * Math.PI * radius * (to - from) < characters * 7.5 + 6 || outer - inner < 16) return null;
  const angle = Math.PI * (from + to) - Math.PI / 2;
  return { x: middle + radius * Math.cos(angle), y: middle + radius * Math.sin(angle) };
}
