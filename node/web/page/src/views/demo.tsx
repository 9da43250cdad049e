import { useEffect, useRef, useState } from "preact/hooks";
import { api, Refusal } from "../node/api";
import { clearDemoSteps, notify, setDemo, world } from "../node/world";
import { isOver, type DemoEvent } from "../node/types";
import { useAction } from "../parts/action";
import { Icon } from "../parts/icon";
import { go } from "../route";
import { sound } from "../sound/room";
import { useStore } from "../store";
import { number, percent, t } from "../words";
import { usePerson } from "./person";
import { Stage } from "./stage";
import { Listening } from "./listening";
import { Top } from "./top";

/** Hear it work: real nodes on this computer, what they do, and what arrives. */
export function DemoPage() {
  const [room, setRoom] = useState("");
  const [busy, run] = useAction();
  const steps = useStore(world, (w) => w.demo);
  const view = useStore(world, (w) => w.joined[room]);
  const last = steps.at(-1);
  const failed = steps.some((step) => step.failed);
  const over = failed || last?.done === true;
  const measured = steps.findLast((step) => step.heard !== undefined);

  const [dialog, open] = usePerson(view);
  const gone = useRef(false);

  const start = () =>
    run(async () => {
      clearDemoSteps();
      const room = await startAfresh().catch((error: unknown) => {
        if (gone.current) return ""; // stopped before it began
        throw error;
      });
      if (gone.current) return api.stopDemo();
      setDemo(room);
      setRoom(room);
      return sound.enter(room);
    });
  useEffect(() => {
    // The demonstration takes the place of a room's sound. A listener gets that back afterwards; who is on stage
    // must not fall silent for it.
    const before = world.get().joined[sound.state.get().room];
    const inRoom = before !== undefined && !before.demo && !isOver(before.phase);
    if (inRoom && before.me.seated) {
      notify("warn", t.demo.onStage(before.title));
      go({ view: "room", id: before.id });
      return;
    }
    void start();
    return () => {
      gone.current = true;
      sound.exit();
      setDemo("");
      if (inRoom) sound.enter(before.id);
      void api.stopDemo().catch(() => {});
    };
  }, []);

  return (
    <div class="page">
      <Top back="#/" />
      <main class="demo">
        <header class="headline stacked">
          <h1 tabIndex={-1}>{t.demo.title}</h1>
          <p class="lead">{t.demo.text}</p>
        </header>
        <div class="two">
          <div class="stack wide">
            {view && view.phase !== "connecting" ? (
              <>
                <Listening room={view} />
                <Stage room={view} onOpen={open} />
                {dialog}
              </>
            ) : (
              !over && (
                <p class="waiting" aria-busy="true">
                  {t.demo.starting}
                </p>
              )
            )}
            {measured && <Result measured={measured} />}
            <div class="row">
              {over && !failed && (
                <a class="button primary" href="#/start" data-test="demo-start-room">
                  {t.demo.own}
                </a>
              )}
              {over && (
                <button type="button" class="button" data-test="demo-again" aria-disabled={busy} onClick={() => void start()}>
                  {t.demo.again}
                </button>
              )}
              <button type="button" class="button" data-test="demo-stop" onClick={() => go({ view: "home" })}>
                {over ? t.demo.done : t.demo.stop}
              </button>
            </div>
          </div>
          <section class="panel">
            <h2>{failed ? t.demo.failed : t.demo.steps}</h2>
            <Steps steps={steps} over={over} />
          </section>
        </div>
      </main>
    </div>
  );
}

/** One demonstration runs at a time, and one may be left over from before this page was loaded again. */
async function startAfresh(): Promise<string> {
  try {
    return (await api.startDemo()).room;
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 409) throw error;
    await api.stopDemo();
    clearDemoSteps();
    return (await api.startDemo()).room;
  }
}

function Steps({ steps, over }: { steps: DemoEvent[]; over: boolean }) {
  return (
    <ol class="steps" aria-live="polite" data-test="demo-steps" data-over={over}>
      {steps.map((step, i) => {
        const state = step.failed ? "failed" : step.done || over || i < steps.length - 1 ? "done" : "now";
        return (
          <li key={step.step} class={state} data-test="demo-step" data-step={step.step} data-state={state}>
            <Icon name={state === "failed" ? "alert" : state === "done" ? "check" : "dots"} />
            <span>{step.text}</span>
          </li>
        );
      })}
    </ol>
  );
}

function Result({ measured }: { measured: DemoEvent }) {
  const heard = measured.heard ?? 0;
  return (
    <section class="result" role="status" data-test="demo-result" data-heard={heard} data-gap-ms={measured.gap_ms}>
      <strong>{t.demo.heard(percent(heard))}</strong>
      <p>
        {t.demo.heardText} {measured.gap_ms !== undefined && t.demo.gap(number(measured.gap_ms))}
      </p>
    </section>
  );
}
