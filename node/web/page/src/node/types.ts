// What the node's loopback API says, as the page reads it.

export type Mode = "talk" | "concert";
export type Role = "host" | "co-host" | "speaker" | "listener"; // a co-host is on stage or not, the others follow from it
export type Phase = "connecting" | "live" | "reconnecting" | "ended" | "removed" | "failed";

export interface Named {
  person: string;
  name: string;
}

export interface Status extends Named {
  short: string;
  device: string;
  version: string;
  peers: number;
  nearby: boolean;
  addrs: string[] | null;
}

export interface RoomCard {
  id: string;
  title: string;
  mode: Mode;
  language: string;
  host: Named;
  listeners: number;
  speakers: number;
  started: number; // unix ms
  mine: boolean;
  joined: boolean;
  locked: boolean;
  stage_only: boolean; // everybody may come on stage
  starts: number; // unix ms, while the doors are not open yet; else 0
}

/** Somebody in this person's own list, which nobody else sees. */
export interface Known extends Named {
  blocked: boolean;
  muted: boolean;
}

/** A room as one sees it before going in. */
export interface Preview {
  id: string;
  title: string;
  host: Named;
  mode: Mode;
  language: string;
  listeners: number;
  speakers: number;
  stage_only: boolean;
  locked: boolean;
  waiting: boolean;
  starts: number; // unix ms, 0 is none
  record_asks: boolean;
  captions: string; // how there are captions; empty: none
  price: string; // empty: free
  joined: boolean;
}

/** What a room is started with; the last three may be left out. */
export interface Charter {
  title: string;
  mode: Mode;
  language: string;
  starts?: number; // unix ms; left out: now
  stage_only?: boolean;
  record_asks?: boolean;
}

export interface Me extends Named {
  role: Role;
  muted: boolean;
  hand: boolean;
  invited: boolean; // to come on stage
  seated: boolean; // on stage
  leads: boolean; // host or co-host
  publishing: boolean;
  playing: boolean;
}

export interface Seat extends Named {
  role: Role;
  muted: boolean;
  publishing: boolean;
  volume: number; // 1 is as it comes
}

export interface Hand extends Named {
  since: number; // unix ms
}

export interface Quality {
  state: "good" | "poor" | "silent" | "waiting";
  text: string;
  buffer_ms: number;
  delay_ms: number;
  concealed: number; // share of frames, 0 to 1
}

export interface RoomView {
  id: string;
  title: string;
  mode: Mode;
  language: string;
  created: number; // unix ms
  host: Named;
  link: string;
  demo: boolean;
  phase: Phase;
  reason?: string; // when the phase is over
  me: Me;
  stage: Seat[] | null;
  hands: Hand[] | null;
  listeners: number;
  quality: Quality | null;
  hands_closed: boolean;
  locked: boolean;
  stage_only: boolean; // everybody may come on stage, no hands are raised
  record_asks: boolean; // salon records only while `recording` is on
  waiting: boolean; // the doors are not open yet
  starts: number; // unix ms of the start that was announced, 0 is none
  removed?: Named[]; // told to the host alone
}

/** Somebody in the list of everybody in the room. */
export interface Face extends Named {
  role: Role;
  seated: boolean;
  hand: boolean;
  invited: boolean;
}

export type Action =
  | "raise_hand"
  | "lower_hand"
  | "grant"
  | "invite"
  | "accept"
  | "decline"
  | "return"
  | "mute"
  | "mute_all"
  | "unmute"
  | "remove"
  | "readmit"
  | "close_hands"
  | "open_hands"
  | "lock"
  | "unlock"
  | "begin"
  | "end"
  | "leave"
  | "volume";

export interface CheckEvent {
  id: string;
  phase: "recording" | "ready" | "playing" | "done";
  left_ms: number;
  level: number; // dBFS peak
}

export interface DemoEvent {
  step: string; // host, join, hand, granted, guest, measured, over
  text: string;
  done: boolean; // the last one
  failed: boolean;
  heard?: number; // share of the voice that was heard, 0 to 1
  gap_ms?: number; // the longest that was not
}

export interface LevelsEvent {
  room: string;
  levels: Record<string, number>; // -dBov, 127 is silence
}

export interface NoticeEvent {
  level: "info" | "warn";
  text: string;
}

/** Whoever sits on the stage may send sound. */
export const onStage = (role: Role): boolean => role !== "listener";

/** Whoever runs the room decides who is on its stage. */
export const runsRoom = (me: Me): boolean => me.role === "host";

export const isOver = (phase: Phase): boolean => phase === "ended" || phase === "removed" || phase === "failed";
