import { Sign } from "../parts/icon";
import { t } from "../words";

/** What someone sees who opened the bare address. */
export function NoKey({ denied }: { denied: boolean }) {
  return (
    <main class="alone" data-test="no-key">
      <Sign />
      <h1>{t.noKey.title}</h1>
      <p class="lead">{denied ? t.noKey.denied : t.noKey.text}</p>
      <p>{t.noKey.how}</p>
      <pre class="command" dir="ltr">
        <code>{t.noKey.command}</code>
      </pre>
    </main>
  );
}
