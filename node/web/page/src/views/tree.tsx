import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../node/api";
import { heard } from "../node/quality";
import type { Accused, Audience, RoomView, Tree, TreeNode } from "../node/types";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { useWide } from "../parts/queries";
import { useStore } from "../store";
import { number, percent, t, wholePercent } from "../words";
import { labelled, outline, shape, type Figure, type Rings } from "./treeshape";

/** How the audience hears a room of one's own, in a sentence. A click shows the tree that carries it. */
export function AudienceLine({ room }: { room: RoomView }) {
  const [open, setOpen] = useState(false);
  const audience = useAudience(room);
  return (
    <>
      <button
        type="button"
        class="quality audience-line"
        aria-haspopup="dialog"
        data-test="audience"
        data-told={audience?.told ?? 0}
        onClick={() => setOpen(true)}
      >
        <Icon name="wave" />
        <span>{audience ? sentence(audience) : t.tree.open}</span>
      </button>
      {open && <TreeDialog room={room} onClose={() => setOpen(false)} />}
    </>
  );
}

function useAudience(room: RoomView): Audience | undefined {
  const last = useStore(heard, (h) => (h.room === room.id ? h.seconds.at(-1) : undefined));
  return last ? last.audience : room.quality?.audience;
}

function sentence(a: Audience): string {
  // Who came just now has nothing to tell, and that is no news.
  const told = a.told < a.listeners * 0.9 ? a.told : a.listeners;
  return t.tree.audience(wholePercent(Math.floor(a.of * 100) / 100), a.listeners, told, a.heard < 1 ? percent(a.heard) : "", a.delay_ms);
}

const askEvery = 2000; // ms

/** The tree, asked for again and again while it is looked at. */
function useTree(room: string): [Tree | null, string] {
  const [tree, setTree] = useState<Tree | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const ask = async () => {
      try {
        const found = await api.tree(room);
        if (!gone) {
          setTree(found);
          setProblem("");
        }
      } catch (cause) {
        if (!gone) setProblem(cause instanceof Error ? cause.message : String(cause));
      }
      if (!gone) timer = window.setTimeout(() => void ask(), askEvery);
    };
    void ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [room]);
  return [tree, problem];
}

function TreeDialog({ room, onClose }: { room: RoomView; onClose: () => void }) {
  const [tree, problem] = useTree(room.id);
  const known = useAudience(room);
  const audience = tree?.audience ?? known;
  return (
    <Dialog title={t.tree.title} test="tree-dialog" wide onClose={onClose}>
      <p data-test="audience-words">{audience ? `${sentence(audience)}.` : t.tree.none}</p>
      {problem && (
        <p class="wrong" role="alert">
          {problem}
        </p>
      )}
      {tree ? <Picture tree={tree} /> : !problem && <p class="waiting" aria-busy="true">{t.app.loading}</p>}
    </Dialog>
  );
}

const placeWide = 900;
const placeNarrow = 342; // of 390

function Picture({ tree }: { tree: Tree }) {
  const place = useWide() ? placeWide : placeNarrow;
  const [device, choose] = useState("");
  const drawn = shape(tree, place);
  const found = tree.nodes.findIndex((node) => node.device === device);
  const chosen = Math.max(0, found);
  return (
    <div class="tree" data-test="tree" data-kind={drawn.kind} data-nodes={tree.total} data-relays={tree.nodes.length - 1}>
      <p class="hint">
        {t.tree.size(tree.total, tree.nodes.length - 1 + tree.more)}. {drawn.kind === "rings" ? t.tree.inRings : t.tree.inFigure}
      </p>
      <Drawing tree={tree} drawn={drawn} chosen={chosen} onChoose={(i) => choose(tree.nodes[i]!.device)} />
      {tree.more > 0 && <p class="hint">{t.tree.more(tree.more)}</p>}
      <ul class="tree-key" aria-label={t.tree.colours}>
        {(["good", "fair", "bad"] as const).map((one) => (
          <li key={one}>
            <span class={`tree-mark ${one} ${drawn.kind}`} aria-hidden="true">
              {drawn.kind === "rings" && marks[one]}
            </span>
            {t.tree[one]}
          </li>
        ))}
      </ul>
      <AccusedList list={tree.accused ?? []} />
      <Details tree={tree} node={tree.nodes[chosen]!} />
      <Table tree={tree} />
      <p class="hint">{t.tree.caution}</p>
    </div>
  );
}

const grade = (loss: number): "good" | "fair" | "bad" => (loss < 0.01 ? "good" : loss <= 0.05 ? "fair" : "bad");

// In the rings, where there are no lines to be dashed, what colour says is also written.
const marks = { good: "", fair: "!", bad: "!!" };

const nameOf = (node: TreeNode): string => (node.up < 0 ? t.tree.host : node.name);

const accusedOf = (tree: Tree, node: TreeNode) => tree.accused?.find((one) => one.device === node.device);

/** What listeners said of a relay. */
export const accusedWords = (one: Accused): string => t.tree.accused(one.people, one.what, one.out);

const rtt = (node: TreeNode): string => (node.rtt_ms > 0 ? t.tree.milliseconds(node.rtt_ms) : t.tree.unknown);

function about(tree: Tree, node: TreeNode): string {
  const by = tree.nodes[node.up];
  const text = t.tree.about(nameOf(node), by ? nameOf(by) : "", node.listeners, node.poor, by ? t.tree.wayThere(rtt(node), percent(node.loss)) : "");
  const accused = accusedOf(tree, node);
  return accused ? `${text}. ${accusedWords(accused)}` : text;
}

interface DrawingProperties {
  tree: Tree;
  drawn: Figure | Rings;
  chosen: number;
  onChoose: (index: number) => void;
}

/** The picture. Its relays are reached with the arrow keys: to who feeds one, to whom it feeds, and to its neighbours. */
function Drawing({ tree, drawn, chosen, onChoose }: DrawingProperties) {
  const svg = useRef<SVGSVGElement>(null);
  const go = (index: number) => {
    onChoose(index);
    svg.current?.querySelector<SVGElement>(`[data-index="${index}"]`)?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    const next = step(tree, chosen, event.key);
    if (next === null) return;
    event.preventDefault();
    go(next);
  };
  const item = (index: number) => ({
    role: "treeitem" as const,
    tabIndex: index === chosen ? 0 : -1,
    "aria-level": tree.nodes[index]!.depth + 1,
    "aria-selected": index === chosen,
    "aria-label": about(tree, tree.nodes[index]!),
    "data-index": index,
    "data-test": "tree-node",
    onClick: () => go(index),
    onFocus: () => onChoose(index),
  });
  return (
    <svg
      ref={svg}
      class={`tree-picture tree-${drawn.kind}`}
      viewBox={`0 0 ${drawn.width} ${drawn.height}`}
      style={{ maxInlineSize: `${drawn.width}px` }}
      role="tree"
      aria-label={t.tree.picture}
      dir="ltr"
      onKeyDown={keys}
    >
      {drawn.kind === "figure" ? <DrawnFigure tree={tree} drawn={drawn} item={item} /> : <DrawnRings tree={tree} drawn={drawn} chosen={chosen} item={item} />}
    </svg>
  );
}

/** Which node a key leads to. */
function step(tree: Tree, from: number, key: string): number | null {
  const { up } = tree.nodes[from]!;
  const siblings = tree.nodes.flatMap((node, i) => (node.up === up ? [i] : []));
  const at = siblings.indexOf(from);
  switch (key) {
    case "ArrowUp":
      return up >= 0 ? up : null;
    case "ArrowDown": {
      const first = tree.nodes.findIndex((node) => node.up === from);
      return first < 0 ? null : first;
    }
    case "ArrowLeft":
      return siblings[at - 1] ?? null;
    case "ArrowRight":
      return siblings[at + 1] ?? null;
    case "Home":
      return 0;
    case "End":
      return tree.nodes.length - 1;
  }
  return null;
}

type Item = (index: number) => object;

function DrawnFigure({ tree, drawn, item }: { tree: Tree; drawn: Figure; item: Item }) {
  const spotOf = (index: number) => drawn.spots[index]!;
  return (
    <>
      <g aria-hidden="true">
        {drawn.clusters.map((cluster) => {
          const from = spotOf(cluster.of);
          return (
            <g key={cluster.of}>
              {cluster.dots.length > 0 ? (
                cluster.dots.map((dot, i) => <path key={i} class="tree-twig" d={`M${from.x} ${from.y}L${dot.x} ${dot.y}`} />)
              ) : (
                <path class="tree-twig many" d={`M${from.x} ${from.y}L${cluster.x} ${cluster.y}`} />
              )}
            </g>
          );
        })}
        {drawn.spots.slice(1).map((spot) => {
          const from = spotOf(spot.node.up);
          return <path key={spot.index} class={`tree-edge ${grade(spot.node.loss)}`} d={`M${from.x} ${from.y}L${spot.x} ${spot.y}`} />;
        })}
        {drawn.clusters.map((cluster) => (
          <g key={cluster.of}>
            {cluster.dots.map((dot, i) => (
              <circle key={i} class={i < tree.nodes[cluster.of]!.poor ? "tree-leaf poor" : "tree-leaf"} cx={dot.x} cy={dot.y} r="5" />
            ))}
            {cluster.dots.length === 0 && (
              <>
                <circle class="tree-leaf many" cx={cluster.x} cy={cluster.y + 4} r="22" />
                <text class="tree-count" x={cluster.x} y={cluster.y + 9}>
                  {number(cluster.count)}
                </text>
              </>
            )}
          </g>
        ))}
      </g>
      {drawn.spots.map((spot) => (
        <g key={spot.node.device} class={`tree-node ${spot.index === 0 ? "host" : grade(spot.node.loss)}`} {...item(spot.index)}>
          <circle cx={spot.x} cy={spot.y} r="15" />
          {accusedOf(tree, spot.node) && (
            <>
              <circle class="tree-alarm" cx={spot.x + 13} cy={spot.y - 11} r="8" />
              <text class="tree-alarm" x={spot.x + 13} y={spot.y - 6.5}>
                !
              </text>
            </>
          )}
        </g>
      ))}
      <g aria-hidden="true">
        {drawn.spots.map(({ node, index, x, y }) => (
          <g key={index}>
            {index > 0 && (
              <text class="tree-way" x={x} y={y - 24}>
                {t.tree.edge(rtt(node), percent(node.loss))}
              </text>
            )}
            <text class="tree-count" x={x} y={y + 5}>
              {number(node.leaves + node.relays)}
            </text>
            <text class="tree-name" x={x} y={y + 32}>
              {short(nameOf(node), drawn.letters)}
            </text>
          </g>
        ))}
      </g>
    </>
  );
}

function DrawnRings({ tree, drawn, chosen, item }: { tree: Tree; drawn: Rings; chosen: number; item: Item }) {
  const middle = drawn.width / 2;
  const host = tree.nodes[0]!;
  return (
    <>
      <g class="tree-node host" {...item(0)}>
        <circle cx={middle} cy={middle} r={drawn.disc - 2} />
      </g>
      {drawn.arcs.map((arc) => (
        <g key={arc.node.device + arc.index} class={`tree-node ${grade(arc.node.loss)}`} {...item(arc.index)}>
          <path d={outline(arc, middle)} />
        </g>
      ))}
      <g aria-hidden="true">
        {chosen > 0 && <path class="tree-chosen" d={outline(drawn.arcs[chosen - 1]!, middle)} />}
        <text class="tree-count" x={middle} y={middle - 1}>
          {number(host.listeners)}
        </text>
        <text class="tree-name" x={middle} y={middle + 16}>
          {nameOf(host)}
        </text>
        {drawn.arcs.map((arc) => {
          const mark = marks[grade(arc.node.loss)];
          const whole = `${mark} ${number(arc.node.listeners)}`.trim();
          const all = labelled(arc, middle, whole.length);
          const text = all ? whole : mark;
          const at = all ?? (mark && labelled(arc, middle, mark.length / 2)); // these are narrow
          return (
            at && (
              <text key={arc.index} class="tree-count" x={at.x} y={at.y + 4}>
                {text}
              </text>
            )
          );
        })}
      </g>
    </>
  );
}

const short = (text: string, most: number): string => {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
};

/** The relays that listeners left for what they passed on. Some are in the picture no more. */
function AccusedList({ list }: { list: Accused[] }) {
  if (list.length === 0) return null;
  return (
    <section class="tree-accused" data-test="tree-accused">
      <h3>{t.tree.accusedTitle}</h3>
      <ul>
        {list.map((one) => (
          <li key={one.device}>
            <Icon name="alert" />
            <span>{t.tree.accusedOf(one.name, accusedWords(one))}</span>
          </li>
        ))}
      </ul>
      <p class="hint">{t.tree.accusedHint}</p>
    </section>
  );
}

/** What is known of the one that was chosen. */
function Details({ tree, node }: { tree: Tree; node: TreeNode }) {
  const by = tree.nodes[node.up];
  const accused = accusedOf(tree, node);
  const facts: [string, string][] = [
    [t.tree.listeners, number(node.listeners)],
    [t.tree.feeds, number(node.leaves + node.relays)],
    [t.tree.poor, number(node.poor)],
  ];
  if (by) facts.push([t.tree.fedBy, nameOf(by)], [t.tree.rtt, rtt(node)], [t.tree.lost, percent(node.loss)]);
  return (
    <section class="tree-details" data-test="tree-details">
      <h3>
        <bdi>{nameOf(node)}</bdi>
      </h3>
      <dl class="figures">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </div>
        ))}
      </dl>
      {accused && <p class="wrong">{accusedWords(accused)}</p>}
    </section>
  );
}

function Table({ tree }: { tree: Tree }) {
  return (
    <details class="fold" data-test="tree-table">
      <summary>
        <span>{t.tree.table}</span>
      </summary>
      <div class="tree-rows" role="region" aria-label={t.tree.table} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {[t.tree.name, t.tree.fedBy, t.tree.listeners, t.tree.feeds, t.tree.poor, t.tree.rtt, t.tree.lost].map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {tree.nodes.map((node, i) => {
              const by = tree.nodes[node.up];
              return (
                <tr key={node.device + i}>
                  <th scope="row">
                    <bdi>{nameOf(node)}</bdi>
                  </th>
                  <td>
                    <bdi>{by ? nameOf(by) : t.tree.unknown}</bdi>
                  </td>
                  <td>{number(node.listeners)}</td>
                  <td>{number(node.leaves + node.relays)}</td>
                  <td>{number(node.poor)}</td>
                  <td>{by ? rtt(node) : t.tree.unknown}</td>
                  <td>{by ? percent(node.loss) : t.tree.unknown}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </details>
  );
}
