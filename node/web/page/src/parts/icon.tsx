// The page's own icons: 24 by 24, drawn with one stroke. They carry no meaning that a text beside them does not.

const shapes = {
  mic: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21M8.5 21h7",
  micOff: "M9 5.4A3 3 0 0 1 15 6v5c0 .3 0 .5-.1.8M9 9v2a3 3 0 0 0 4.2 2.7M5.5 11a6.5 6.5 0 0 0 10 5.5M18.5 11c0 1-.2 1.9-.6 2.7M12 17.5V21M8.5 21h7M4 4l16 16",
  hand: "M7.5 12V6.2a1.4 1.4 0 0 1 2.8 0V11M10.3 10.5V4.4a1.4 1.4 0 0 1 2.8 0v6.1M13.1 10.5V5.4a1.4 1.4 0 0 1 2.8 0V12M15.9 11V8.2a1.4 1.4 0 0 1 2.8 0v6.3c0 3.6-2.6 6.5-6.2 6.5-2.6 0-4.2-1-5.6-3.2l-2.7-4.3a1.4 1.4 0 0 1 2.3-1.6l1 1.3",
  sliders: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
  leave: "M14 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20H14M10 12h10M16.5 8.5 20 12l-3.5 3.5",
  stop: "M7.5 6h9A1.5 1.5 0 0 1 18 7.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 6 16.5v-9A1.5 1.5 0 0 1 7.5 6Z",
  back: "M19 12H5M11 6l-6 6 6 6",
  close: "M6 6l12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
  play: "M8 5.5v13l10.5-6.5L8 5.5Z",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1.2 1.2M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1.2-1.2",
  copy: "M9 9h9a1.5 1.5 0 0 1 1.5 1.5v9A1.5 1.5 0 0 1 18 21H9a1.5 1.5 0 0 1-1.5-1.5v-9A1.5 1.5 0 0 1 9 9ZM4.5 15V4.5A1.5 1.5 0 0 1 6 3h9",
  check: "M5 12.5 10 17.5 19.5 7",
  ear: "M7 9a5 5 0 0 1 10 0c0 3.5-3.5 4-3.5 7.5a3 3 0 0 1-5.7 1.2M10 9.5a2 2 0 0 1 4 0c0 1.5-1.5 1.8-1.5 3.5",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 20a6.5 6.5 0 0 1 13 0M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14.2a6.5 6.5 0 0 1 3.5 5.8",
  wave: "M4 10v4M8 7v10M12 4v16M16 8v8M20 10.5v3",
  wifi: "M3 9.5a13 13 0 0 1 18 0M6 13a8.5 8.5 0 0 1 12 0M9 16.5a4.2 4.2 0 0 1 6 0M12 20h.01",
  alert: "M12 4 2.8 19.5h18.4L12 4ZM12 10v4.5M12 17h.01",
  talk: "M4.5 5h15A1.5 1.5 0 0 1 21 6.5v9a1.5 1.5 0 0 1-1.5 1.5H12l-5 4v-4H4.5A1.5 1.5 0 0 1 3 15.5v-9A1.5 1.5 0 0 1 4.5 5Z",
  music: "M9 18V6l11-2.5V15.5M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0ZM20 15.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Z",
  locked: "M7 11V8a5 5 0 0 1 10 0v3M6.5 11h11A1.5 1.5 0 0 1 19 12.5v6A1.5 1.5 0 0 1 17.5 20h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11Z",
  unlocked: "M7 11V8a5 5 0 0 1 9.5-2.2M6.5 11h11A1.5 1.5 0 0 1 19 12.5v6A1.5 1.5 0 0 1 17.5 20h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11Z",
  dots: "M6 12h.01M12 12h.01M18 12h.01",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.3 15.3 20 20",
  clock: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 7.5V12l3 2",
  round: "M12 6.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM5 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM19 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM8 20.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM16 20.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  door: "M6 20.5V4.5A1.5 1.5 0 0 1 7.5 3h9A1.5 1.5 0 0 1 18 4.5v16M3.5 20.5h17M14.5 12h.01",
  speaker: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4ZM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11",
};

export type IconName = keyof typeof shapes;

export function Icon({ name, turns }: { name: IconName; turns?: boolean }) {
  return (
    <svg class={turns ? "icon turns" : "icon"} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  );
}

/** The sign of salon: someone speaks, and the rings go out. */
export function Sign() {
  return (
    <svg class="sign" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
      <circle class="sign-dot" cx="24" cy="24" r="6" />
      <path d="M13.4 34.6a15 15 0 0 1 0-21.2M34.6 13.4a15 15 0 0 1 0 21.2" />
      <path class="sign-far" d="M8.8 39.2a21.5 21.5 0 0 1 0-30.4M39.2 8.8a21.5 21.5 0 0 1 0 30.4" />
    </svg>
  );
}
