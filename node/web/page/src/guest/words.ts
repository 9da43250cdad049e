// Every text of the guests' page, in English.
const plural = new Intl.PluralRules("en");
const count = new Intl.NumberFormat("en");
const languages = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

export const t = {
  name: "salon",
  with: "with",
  talk: "Talk",
  concert: "Concert",
  recording: "Recording",
  language: (tag: string) => {
    try {
      return languages.of(tag) ?? tag;
    } catch {
      return tag;
    }
  },
  unknownLanguage: "und",
  listeners: (n: number) => `${count.format(n)} ${plural.select(n) === "one" ? "person" : "people"} listening`,
  onStage: "On stage",
  like: (name: string) => `The name looks like “${name}”, who leads this room. This is somebody else, who may want to be taken for them.`,
  mixed: "The name mixes letters of several alphabets in one word, so that it may look like another name.",
  listen: "Listen",
  stop: "Stop",
  volume: "Volume",
  state: {
    off: "You come as a listener. Nobody hears or sees you.",
    connecting: "Connecting…",
    on: "You are listening.",
    retrying: "The sound broke off. Connecting anew…",
    blocked: "Your browser waits for a click before it plays.",
  },
  waiting: "The room has not begun. You will hear it when the host opens the doors.",
  startsAt: (at: Date) => `Starts ${at.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" })}.`,
  locked: "The host has locked this room: nobody new comes in just now.",
  over: "This room has ended",
  overText: "It may come back, or another may be live: ask whoever gave you the link.",
  lookAgain: "Look again",
  unreachable: "This computer cannot be reached just now. Trying again…",
  honest:
    "The sound is opened for you by the computer that serves this page, so whoever runs it could listen too. With salon on your own computer nobody in between hears a thing, and you can speak.",
};
