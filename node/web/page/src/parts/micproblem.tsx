// What keeps the microphone from being heard, and what to do about it.
import type { Microphone } from "../sound/microphone";
import { useStore } from "../store";
import { t } from "../words";
import { Icon } from "./icon";

export function MicProblem({ mic, onChoose }: { mic: Microphone; onChoose?: () => void }) {
  const { phase, problem } = useStore(mic.state, (s) => s);
  if (phase === "asking") {
    return (
      <p class="hint" role="status" data-test="mic-asking">
        {t.mic.asking}
      </p>
    );
  }
  if (!problem) return null;
  const { title, text } = t.mic.problems[problem];
  return (
    <section class="trouble" role="alert" data-test="mic-problem" data-problem={problem}>
      <Icon name="micOff" />
      <div>
        <h2>{title}</h2>
        <p>{text}</p>
        {problem !== "insecure" && (
          <div class="row">
            <button type="button" class="button" data-test="mic-retry" onClick={() => mic.retry()}>
              {t.app.tryAgain}
            </button>
            {onChoose && problem !== "denied" && problem !== "system" && (
              <button type="button" class="button plain" data-test="mic-choose" onClick={onChoose}>
                {t.mic.another}
              </button>
            )}
          </div>
        )}
      </div>
    </section>
  );
}
