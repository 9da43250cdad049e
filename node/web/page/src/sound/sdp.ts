// The one change the page makes to an offer: Opus as music.

const music = ["stereo=1", "sprop-stereo=1", "maxaveragebitrate=128000"];

/** Adds the parameters of stereo music to Opus' fmtp lines (RFC 7587, 6.1); a parameter already there is replaced. */
export function asMusic(sdp: string): string {
  const types = [...sdp.matchAll(/^a=rtpmap:(\d+) opus\/48000/gim)].map((m) => m[1]!);
  const lines = sdp.split("\r\n").map((line) => {
    const fmtp = /^a=fmtp:(\d+) (.*)$/.exec(line);
    if (!fmtp || !types.includes(fmtp[1]!)) return line;
    const names = music.map((p) => p.split("=")[0]!);
    const kept = fmtp[2]!.split(";").filter((p) => !names.includes(p.trim().split("=")[0]!));
    return `a=fmtp:${fmtp[1]} ${[...kept, ...music].join(";")}`;
  });
  return lines.join("\r\n");
}
