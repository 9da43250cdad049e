// Short messages at the edge of the page. A warning stays until it is dismissed; the rest goes by itself.
import { useEffect } from "preact/hooks";
import { dismiss, world, type Notice } from "../node/world";
import { useStore } from "../store";
import { t } from "../words";
import { Icon } from "./icon";

const shownFor = 7000; // ms

export function Notices() {
  const notices = useStore(world, (w) => w.notices);
  return (
    <div class="notices" role="log" aria-live="polite" data-test="notices">
      {notices.map((notice) => (
        <Card key={notice.id} notice={notice} />
      ))}
    </div>
  );
}

function Card({ notice }: { notice: Notice }) {
  const lasts = notice.level === "warn";
  useEffect(() => {
    if (lasts) return;
    const timer = setTimeout(() => dismiss(notice.id), shownFor);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class={`notice ${notice.level}`} data-test="notice">
      <Icon name={lasts ? "alert" : "check"} />
      <p>{notice.text}</p>
      <button type="button" class="button plain round small" aria-label={t.app.dismiss} onClick={() => dismiss(notice.id)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
