// Short messages at the edge of the page. A warning stays until it is dismissed; the rest goes by itself, but not while
// someone is at it with the pointer or the keyboard.
import { useEffect, useRef, useState } from "preact/hooks";
import { dismiss, world, type Notice } from "../node/world";
import { useStore } from "../store";
import { t } from "../words";
import { complain } from "./action";
import { Icon } from "./icon";

const shownFor = 7000; // ms
const undoFor = 8000; // ms

export function Notices() {
  const notices = useStore(world, (w) => w.notices);
  useEffect(() => {
    addEventListener("keydown", undoByKey);
    return () => removeEventListener("keydown", undoByKey);
  }, []);
  return (
    <div class="notices" role="log" aria-live="polite" aria-label={t.notice.all} data-test="notices">
      {notices.map((notice) => (
        <Card key={notice.id} notice={notice} />
      ))}
    </div>
  );
}

/** Takes back what a notice is about. It goes at once: a second click must not take back twice. */
function takeBack(notice: Notice): void {
  dismiss(notice.id);
  Promise.resolve().then(notice.undo).catch(complain);
}

/** The key that takes back everywhere else does it here too, unless something is being written. */
function undoByKey(event: KeyboardEvent): void {
  if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.key.toLowerCase() !== "z") return;
  const at = event.target as Element;
  if (at.closest?.("textarea, [contenteditable], input:not([type=radio], [type=checkbox], [type=range])")) return;
  const newest = world.get().notices.findLast((notice) => notice.undo);
  if (!newest) return;
  event.preventDefault();
  takeBack(newest);
}

function Card({ notice }: { notice: Notice }) {
  const warning = notice.level === "warn";
  const attended = useAttention(warning ? 0 : notice.undo ? undoFor : shownFor, () => dismiss(notice.id));
  return (
    <div class={`notice ${notice.level}`} data-test="notice" {...attended}>
      <Icon name={warning ? "alert" : "check"} />
      <p>{notice.text}</p>
      {notice.undo && (
        <button type="button" class="button undo" data-test="undo" aria-keyshortcuts="Control+Z" onClick={() => takeBack(notice)}>
          {t.notice.undo}
          <span class="unseen">{t.notice.undoKey}</span>
        </button>
      )}
      <button type="button" class="button plain round small" aria-label={t.app.dismiss} onClick={() => dismiss(notice.id)}>
        <Icon name="close" />
      </button>
    </div>
  );
}

/** Calls `over` after so many ms (0: never) in which neither pointer nor focus was on the element; takes what makes it so. */
function useAttention(ms: number, over: () => void) {
  const left = useRef(ms);
  const before = useRef<Element | null>(null);
  const element = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState(false);
  const [focused, setFocused] = useState(false);
  const held = pointed || focused;
  useEffect(() => {
    if (ms === 0 || held) return;
    const since = performance.now();
    const timer = setTimeout(over, left.current);
    return () => {
      clearTimeout(timer);
      left.current = Math.max(2000, left.current - (performance.now() - since)); // whoever looks away may look back
    };
  }, [held]);
  useEffect(
    () => () => {
      // Who came by keyboard goes on where they came from.
      const { current: back } = before;
      if (back instanceof HTMLElement && back.isConnected && element.current?.contains(document.activeElement)) back.focus();
    },
    [],
  );
  return {
    ref: element,
    onPointerMove: () => setPointed(true), // not Enter: a notice may come where the pointer rests
    onPointerLeave: () => setPointed(false),
    onFocusIn: (event: FocusEvent) => {
      const from = event.relatedTarget;
      if (from instanceof Element && !element.current?.contains(from)) before.current = from;
      setFocused(true);
    },
    onFocusOut: () => setFocused(false),
  };
}
