// Says that a text is too long, and by how much, while it is being written.
import { excess, type Limit } from "../limits";
import { t } from "../words";

export function TooLong({ id, text, limit }: { id: string; text: string; limit: Limit }) {
  const n = excess(text, limit);
  return n === 0 ? null : (
    <p class="wrong" id={id} role="alert" data-test="too-long">
      {t.app.tooLong(n)}
    </p>
  );
}
