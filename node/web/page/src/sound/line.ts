// A Line is one direction of sound between this page and the node beside it: a Session over WebRTC or, where the browser
// finds no path for one, a Socket.
//
//   - WebRTC comes first: it is what browsers do best, and costs them least.
//   - Where it found no path, it is not waited for again before something has changed.
import type { Ends } from "../node/api";
import { t } from "../words";
import { NoPath, Session } from "./session";
import { Socket } from "./socket";

export interface Line {
  readonly kind: "session" | "socket";
  /** What it plays. */
  readonly stream: MediaStream;
  /** Says when it is lost; a line that was closed says nothing. */
  whenBroken(tell: () => void): void;
  /** Publishes another track of the same microphone, or none. */
  replaceTrack(track: MediaStreamTrack | null): Promise<void>;
  close(): void | Promise<void>;
}

// A path is found within 50 ms if there is one. Without any network a browser does not say that it found none.
const patience = { online: 2000, offline: 500 }; // ms

const pathless = { play: false, publish: false };

addEventListener("online", () => (pathless.play = pathless.publish = false));

/** What to do when neither leads to the node. */
export const withoutPath = Socket.possible ? t.play.noPath : `${t.play.noPath} ${t.play.orNewer}`;

/** Plays what the node sends. */
export const play = (ends: Ends, music: boolean): Promise<Line> =>
  open(
    "play",
    (within) => Session.play(ends.webrtc, music, within),
    () => Socket.play(ends.socket, music),
  );

/** Plays it over WebRTC, or not at all. */
export async function playOverWebRTC(ends: Ends, music: boolean): Promise<Line> {
  const line = await Session.play(ends.webrtc, music);
  pathless.play = pathless.publish = false; // the same path leads both ways
  return line;
}

/**
 * Publishes the track, which may be exchanged later for another of the same microphone or none. Should another program have
 * taken the microphone meanwhile, which `taken` tells, it is not taken back over a WebSocket.
 */
export const publish = (
  ends: Ends,
  track: MediaStreamTrack | null,
  music: boolean,
  taken: () => Promise<boolean> = async () => false,
): Promise<Line> =>
  open(
    "publish",
    (within) => Session.publish(ends.webrtc, track, music, within),
    () => Socket.publish(ends.socket, track, music),
    taken,
  );

async function open(
  way: "play" | "publish",
  session: (within?: number) => Promise<Line>,
  socket: () => Promise<Line>,
  taken = async () => false,
): Promise<Line> {
  if (!Socket.possible) return session();
  if (!pathless[way]) {
    try {
      return await session(navigator.onLine ? patience.online : patience.offline);
    } catch (error) {
      if (!(error instanceof NoPath) || (await taken())) throw error;
    }
  }
  pathless[way] = false; // should this fail too, the next attempt begins anew
  const line = await socket();
  pathless[way] = true;
  return line;
}
