import { useEffect, useRef, useState } from "preact/hooks";
import { emojis, onReactions } from "../node/reactions";
import type { RoomView } from "../node/types";
import { useRoom } from "../parts/action";
import { Emoji } from "../parts/emoji";
import { useCalm } from "../parts/queries";
import { number, t } from "../words";

const drawEvery = 250; // ms
const shows = 3000; // ms that a number stays where nothing may move; what rises is gone before (reactions.css)
const most = 24; // in the air at once

interface Bubble {
  id: number;
  emoji: string;
  count: number;
  at: number; // 0 to 1 across
  until: number; // performance.now()
}

/** What people in the room feel: buttons for one's own, and everybody's rising over the stage, summed. */
export function Reactions({ room }: { room: RoomView }) {
  const [, act] = useRoom(room.id);
  const [focus, setFocus] = useState(0);
  const row = useRef<HTMLDivElement>(null);
  const { bubbles, sums } = useReactions(room.id);
  // One stop of the Tab key for all of them; the arrows go between.
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = event.key === "Home" ? 0 : event.key === "End" ? emojis.length - 1 : step && (focus + step * turn() + emojis.length) % emojis.length;
    if (next === undefined) return;
    event.preventDefault();
    setFocus(next);
    (row.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  return (
    <>
      <div class="air" aria-hidden="true" data-test="air">
        {bubbles.map((bubble) => (
          <span key={bubble.id} class="bubbling" data-emoji={bubble.emoji} data-count={bubble.count} style={look(bubble)}>
            <Emoji of={bubble.emoji} />
            {bubble.count > 1 && <span class="bubbling-count">{number(bubble.count)}</span>}
          </span>
        ))}
      </div>
      <div ref={row} class="reactions" role="toolbar" aria-label={t.reactions.title} data-test="reactions" onKeyDown={move}>
        {emojis.map((emoji, i) => (
          <button
            key={emoji}
            type="button"
            class="reaction"
            tabIndex={i === focus ? 0 : -1}
            title={t.reactions.one(t.reactions.names[emoji] ?? emoji)}
            aria-disabled={room.phase !== "live"}
            data-test="react"
            data-emoji={emoji}
            onFocus={() => setFocus(i)}
            onClick={() => room.phase === "live" && void act("react", { emoji })}
          >
            <Emoji of={emoji} />
            <span class="unseen">{t.reactions.one(t.reactions.names[emoji] ?? emoji)}</span>
            {sums[emoji] && (
              <span class="reaction-count" aria-hidden="true">
                {number(sums[emoji])}
              </span>
            )}
          </button>
        ))}
      </div>
    </>
  );
}

const turn = (): number => (t.dir === "rtl" ? -1 : 1);

const look = (bubble: Bubble) => ({
  "--at": bubble.at.toFixed(3),
  "--size": (1 + Math.min(1, Math.log10(bubble.count) / 2)).toFixed(2),
});

/**
 * Bubbles in the air; sums by emoji where motion is unwelcome. What comes between two drawings is added up. Whoever changes their
 * mind about motion sees the same ones in the other form.
 */
function useReactions(room: string): { bubbles: Bubble[]; sums: Record<string, number> } {
  const [shown, show] = useState<Bubble[]>([]);
  const calm = useCalm();
  useEffect(() => {
    let waiting = new Map<string, number>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let drawn = -Infinity;
    let id = 0;
    const draw = () => {
      timer = undefined;
      drawn = performance.now();
      const news = [...waiting].map(([emoji, count]) => ({ id: ++id, emoji, count, at: Math.random(), until: drawn + shows }));
      waiting = new Map();
      show((before) => [...before.filter((bubble) => bubble.until > drawn), ...news].slice(-most));
      if (news.length > 0) timer = setTimeout(draw, shows + drawEvery); // clears the air
    };
    const stop = onReactions((event) => {
      if (event.room !== room) return;
      for (const [emoji, count] of Object.entries(event.counts)) {
        if (t.reactions.names[emoji]) waiting.set(emoji, (waiting.get(emoji) ?? 0) + count);
      }
      if (waiting.size === 0) return;
      clearTimeout(timer);
      timer = setTimeout(draw, Math.max(0, drawn + drawEvery - performance.now()));
    });
    return () => {
      stop();
      clearTimeout(timer);
      show([]);
    };
  }, [room]);
  const sums: Record<string, number> = {};
  if (calm) for (const bubble of shown) sums[bubble.emoji] = (sums[bubble.emoji] ?? 0) + bubble.count;
  return { bubbles: calm ? [] : shown, sums };
}
