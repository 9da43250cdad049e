// The live line of facts: what this node is doing right now, and nothing invented.
import { world } from "../node/world";
import { useStore } from "../store";
import { t } from "../words";

export function Facts() {
  const status = useStore(world, (w) => w.status);
  if (!status) return null;
  const where = status.nearby ? t.facts.looking : t.facts.notLooking;
  return (
    <p class="facts" role="status" data-test="facts" data-nodes={status.peers}>
      <span class={status.nearby ? "pulse" : "pulse still"} aria-hidden="true" />
      {t.facts.line(where, t.facts.nodes(status.peers))}
    </p>
  );
}
