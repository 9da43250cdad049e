import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { chatOf, chats, unread } from "../node/chat";
import type { ChatLine, Named, RoomView } from "../node/types";
import { Icon, type IconName } from "../parts/icon";
import { useStore } from "../store";
import { number, t } from "../words";
import { Chat } from "./chat";
import { People } from "./people";

export type Tab = "stage" | "chat" | "people";

interface Properties {
  room: RoomView;
  tabs: readonly Tab[];
  tab: Tab;
  onTab: (tab: Tab) => void;
}

const icons: Record<Tab, IconName> = { stage: "mic", chat: "talk", people: "people" };

/** The ways to look at a room, one at a time. */
export function Tabs({ room, tabs, tab, onTab }: Properties) {
  const row = useRef<HTMLDivElement>(null);
  const news = useStore(chats, (all) => (tab === "chat" ? 0 : unread(chatOf(all, room.id), room.me.person)));
  const names = { stage: t.room.tabStage, chat: t.chat.title, people: t.present.title };
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (tabs.indexOf(tab) + step * (t.dir === "rtl" ? -1 : 1) + tabs.length) % tabs.length;
    onTab(tabs[next]!);
    (row.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  return (
    <div ref={row} class="tabs" role="tablist" aria-label={t.room.views} onKeyDown={move}>
      {tabs.map((one) => (
        <button
          key={one}
          id={`tab-${one}`}
          type="button"
          role="tab"
          class="tab"
          aria-selected={one === tab}
          aria-controls={`panel-${one}`}
          tabIndex={one === tab ? 0 : -1}
          data-test={`tab-${one}`}
          onClick={() => onTab(one)}
        >
          <Icon name={icons[one]} />
          {names[one]}
          {one === "stage" && tab !== "stage" && room.me.leads && (room.hands?.length ?? 0) > 0 && (
            <span class="count" data-test="waiting-hands">
              <span aria-hidden="true">{number(room.hands!.length)}</span>
              <span class="unseen">{t.room.handsUp(room.hands!.length)}</span>
            </span>
          )}
          {one === "chat" && news > 0 && (
            <span class="count" data-test="unread" data-count={news}>
              <span aria-hidden="true">{number(news)}</span>
              <span class="unseen">{t.chat.unread(news)}</span>
            </span>
          )}
        </button>
      ))}
    </div>
  );
}

/** What a tab shows; `alone`, there is no tab for it, because it is always shown. */
export function Panel({ tab, alone, children }: { tab: Tab; alone?: boolean; children: ComponentChildren }) {
  return (
    <div
      id={`panel-${tab}`}
      class={`tab-panel ${tab}-panel`}
      role={alone ? undefined : "tabpanel"}
      aria-labelledby={alone ? undefined : `tab-${tab}`}
    >
      {children}
    </div>
  );
}

interface SideProperties {
  room: RoomView;
  tab: "chat" | "people";
  onOpen: (who: Named) => void;
  onLine: (line: ChatLine) => void;
}

/** Chat or people, as a panel. */
export function SidePanel({ room, tab, onOpen, onLine }: SideProperties) {
  return (
    <Panel tab={tab}>
      {tab === "chat" ? <Chat room={room} onOpen={onOpen} onLine={onLine} /> : <People room={room} onOpen={onOpen} />}
    </Panel>
  );
}
