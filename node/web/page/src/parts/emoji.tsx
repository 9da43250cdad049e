// The reactions as pictures: many systems have no font for them, and show boxes.
import heart from "../../vendor/twemoji/2764.svg";
import clap from "../../vendor/twemoji/1f44f.svg";
import laugh from "../../vendor/twemoji/1f602.svg";
import wow from "../../vendor/twemoji/1f62e.svg";
import thumb from "../../vendor/twemoji/1f44d.svg";
import party from "../../vendor/twemoji/1f389.svg";
import fire from "../../vendor/twemoji/1f525.svg";
import thanks from "../../vendor/twemoji/1f64f.svg";
import type { emojis } from "../node/reactions";

const pictures: Record<(typeof emojis)[number], string> = {
  "❤️": heart,
  "👏": clap,
  "😂": laugh,
  "😮": wow,
  "👍": thumb,
  "🎉": party,
  "🔥": fire,
  "🙏": thanks,
};

/** A reaction, as tall as the text. It has no name of its own: what it stands in has. */
export function Emoji({ of }: { of: string }) {
  const picture = (pictures as Record<string, string>)[of];
  return picture ? <img class="emoji" src={picture} alt="" draggable={false} /> : <>{of}</>;
}
