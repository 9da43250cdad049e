// Every text of the page, in English. Another language is another file of this shape.

const plural = new Intl.PluralRules("en");
const count = new Intl.NumberFormat("en");

function many(n: number, one: string, other: string): string {
  return `${count.format(n)} ${plural.select(n) === "one" ? one : other}`;
}

export const en = {
  lang: "en",
  dir: "ltr" as "ltr" | "rtl",

  app: {
    name: "salon",
    home: "Rooms",
    close: "Close",
    cancel: "Cancel",
    dismiss: "Dismiss",
    you: "you",
    copied: "Copied",
    tryAgain: "Try again",
    loading: "Looking around…",
  },

  noKey: {
    title: "Open salon from your terminal",
    text: "This page belongs to the person who runs salon on this computer, so it needs the key that only your terminal has.",
    how: "Run this, and open the address that it prints:",
    command: "salon open",
    denied: "The key that this page kept is no longer valid. That happens when salon was started with another home.",
  },

  stream: {
    lost: "salon is not answering. Reconnecting…",
    lostHow: "If you stopped it, start it again with “salon”; this page picks up by itself.",
    back: "salon is back.",
  },

  welcome: {
    title: "Good to have you here",
    text: "Rooms for talking and listening, carried by the people in them. No account, no company in the middle.",
    name: "What should people call you?",
    hint: "Shown to others in a room. You can change it at any time.",
    go: "Come in",
  },

  facts: {
    looking: "looking on this network",
    notLooking: "not looking on this network (mDNS is off)",
    nodes: (n: number) => many(n, "node", "nodes"),
    line: (where: string, nodes: string) => `${where}; ${nodes}`,
  },

  home: {
    title: "Live now",
    emptyTitle: "No rooms here yet",
    emptyText: "A room that starts near you, or on a node you know, shows up here by itself.",
    start: "Start a room",
    startText: "Talk, or play music. People join with one click.",
    demo: "Hear it work",
    demoText: "Two nodes on this computer hold a short talk, and what arrives is measured.",
    connect: "Connect",
    connectText: "Same Wi-Fi, paste a link, or add a peer.",
    check: "Sound check",
    more: "Not the room you were looking for?",
    listen: "Listen",
    joining: "Joining…",
    return: "Return",
    hostedBy: "with",
    mine: "your room",
    listeners: (n: number) => many(n, "listening", "listening"),
    speakers: (n: number) => `${count.format(n)} on stage`,
    liveSince: (when: string) => `since ${when}`,
  },

  mode: {
    talk: "Talk",
    talkText: "Voices. Echo and background noise are taken out.",
    concert: "Concert",
    concertText: "Music in stereo, untouched. Wear headphones, or the room hears itself.",
  },

  connect: {
    title: "Connect",
    wifi: "On the same Wi-Fi",
    wifiText: "Nothing to do: nodes on one network find each other within seconds.",
    wifiOff: "Looking on the local network is switched off on this node (--no-mdns).",
    link: "Paste a link",
    linkText: "Someone in a room can share its link with you.",
    linkLabel: "Room link",
    linkHint: "salon:…",
    join: "Join",
    linkWrong: "A room link begins with “salon:”. Copy it whole and paste it here.",
    peer: "Add a peer",
    peerText: "Know the address of someone’s node? Their rooms become yours to find.",
    peerLabel: "Peer address",
    peerHint: "/ip4/…/udp/…/quic-v1/p2p/…",
    add: "Add",
    added: (n: number) => `Added. Your node now knows ${many(n, "node", "nodes")}.`,
    mine: "Your node’s addresses",
    mineText: "Give one of these to a friend.",
    copy: "Copy",
  },

  start: {
    title: "Start a room",
    name: "What is it about?",
    hint: "A few words that make people want to listen",
    mode: "What will be heard?",
    language: "Language",
    microphone: "Microphone",
    check: "Check my microphone",
    test: "Record 5 seconds and hear it",
    later: "You can also do this in the room.",
    go: "Start the room",
    starting: "Starting…",
    needTitle: "Give the room a title first.",
  },

  room: {
    stage: "On stage",
    empty: "The stage is empty.",
    host: "Host",
    speaker: "Speaker",
    listener: "Listening",
    muted: "muted",
    speaking: "speaking",
    connecting: "Connecting…",
    reconnecting: "The way to this room was lost. Finding it again…",
    listeners: (n: number) => many(n, "person listening", "people listening"),
    details: (name: string) => `${name}: options`,
    controls: "Room controls",
    mute: "Mute",
    unmute: "Unmute",
    raise: "Raise hand",
    lower: "Lower hand",
    sound: "Sound",
    leave: "Leave",
    end: "End room",
    tapToHear: "Tap to hear",
    tapText: "Your browser waits for a click before it plays sound.",
    invite: "Invite people",
    inviteText: "On the same network the room is already in everyone’s list. For the others:",
    link: "Room link",
    copy: "Copy link",
    qr: (title: string) => `QR code of the link to ${title}`,
    hands: "Waiting to speak",
    noHands: "No hands raised. When someone raises theirs, you let them on stage here.",
    grant: "Let speak",
    grantLabel: (name: string) => `Let speak: ${name}`,
    dismissHand: "Not now",
    dismissHandLabel: (name: string) => `Lower the hand of ${name}`,
    handIsUp: "Your hand is up. The host sees it.",
    waitingFor: (time: string) => `waiting ${time}`,
    here: "Sound is playing in another tab of this browser.",
    useHere: "Use this tab",
    talkingMuted: "You are muted. Unmute to be heard.",
    inRoom: "You are in",
    hosting: "You are hosting",
    back: "Back to the room",
  },

  quality: {
    good: "Sound is good",
    poor: "Sound is choppy: the way here loses some of it",
    silent: "Connected, but nothing arrives. salon is looking for another way",
    waiting: "Waiting for the first sound",
    delay: (seconds: string) => `${seconds} s behind the stage`,
  },

  play: {
    retrying: "The sound to this page broke off. Trying again…",
    noPathTitle: "Your browser finds no way to the sound",
    noPath:
      "Browsers need a network to be switched on for this, even one without internet. Join any Wi-Fi or plug in a cable; salon tries again by itself.",
    refused: "salon refused the sound",
  },

  person: {
    volume: "Volume for you",
    mute: "Mute",
    muteHint: "They can unmute themselves.",
    toAudience: "Move to the audience",
    remove: "Remove from the room",
    removeAsk: (name: string) => `Remove ${name} from the room? They cannot come back to this room.`,
    removeYes: "Remove",
    stepDown: "Go back to the audience",
    id: "ID",
  },

  leave: {
    endTitle: "End the room for everyone?",
    endText: "Everyone goes back to their rooms. This cannot be undone.",
    end: "End the room",
    stay: "Keep it open",
    switchTitle: (title: string) => `You are hosting ${title}`,
    switchText: "Your room ends when you join another one.",
    switch: "End it and join",
  },

  over: {
    ended: "This room has ended",
    endedText: "Thank you for being there.",
    removed: "You were removed from this room",
    removedText: "The host decided so. Other rooms are open to you.",
    failed: "This room could not be reached",
    failedText: "It may have ended, or nobody in it can be reached from this network.",
    gone: "You are not in this room",
    goneText: "It may have ended while this page was closed.",
    endedElsewhere: (title: string) => `${title} has ended.`,
    back: "Back to the rooms",
  },

  sound: {
    title: "Sound",
    microphone: "Microphone",
    speaker: "Speaker",
    standard: "Standard device",
    unnamed: (n: number) => `Microphone ${count.format(n)}`,
    unnamedOut: (n: number) => `Speaker ${count.format(n)}`,
    level: "Input level",
    volume: "Volume",
    askFirst: "Devices show their names once the page may use the microphone.",
  },

  mic: {
    asking: "Your browser asks whether this page may use the microphone: allow it to be heard.",
    another: "Choose another",
    problems: {
      denied: {
        title: "Your browser blocks the microphone",
        text: "Click the icon beside the address at the top, allow the microphone for this page, then try again. You can listen meanwhile.",
      },
      system: {
        title: "Your computer blocks the microphone",
        text: "Open the privacy settings of your system, allow the microphone for this browser, then try again.",
      },
      none: {
        title: "No microphone found",
        text: "Plug one in or connect a headset: salon notices by itself. You can listen meanwhile.",
      },
      busy: {
        title: "The microphone does not start",
        text: "Another program may be using it. Close that program, or choose another microphone, then try again.",
      },
      unplugged: {
        title: "Your microphone was unplugged",
        text: "Nobody hears you now. Plug it in again, or choose another one.",
      },
      silent: {
        title: "We hear nothing from your microphone",
        text: "Say something and watch the meter. If it stays still, look for a mute switch on the headset, or choose another microphone.",
      },
      system_muted: {
        title: "Your system muted the microphone",
        text: "Switch it on again with its key, its button, or in your system’s sound settings.",
      },
      insecure: {
        title: "This address may not use the microphone",
        text: "Browsers allow it only at 127.0.0.1 or localhost. Open the address that salon printed.",
      },
    },
  },

  check: {
    title: "Sound check",
    text: "Speak for five seconds. salon seals, signs and opens your voice as in a real room, then plays it back to you.",
    record: "Record",
    recording: "Recording. Say something.",
    starting: "Getting ready…",
    playing: "This is how others hear you",
    done: "Did that sound right?",
    again: "Record again",
    replay: "Hear it again",
    finish: "Sounds good",
    loud: "A bit too loud: move back from the microphone, or turn its level down.",
    fine: "Good level.",
    quiet: "Very quiet: come closer to the microphone, or turn its level up.",
    nothing: "Nothing was recorded. Is the right microphone chosen?",
    failed: "The sound check did not work",
    tap: "Play it",
  },

  demo: {
    title: "Hear it work",
    text: "Real nodes on this computer, sound on the real path. Nothing of it is announced outside.",
    starting: "Starting two nodes on this computer…",
    steps: "What happens",
    heard: (percent: string) => `${percent} of the voice was heard`,
    heardText: "Said at one node, carried sealed and signed, opened at yours.",
    failed: "It did not work",
    gap: (ms: string) => `Longest gap: ${ms} ms.`,
    again: "Once more",
    stop: "Stop",
    done: "Done",
    own: "Start your own room",
    onStage: (title: string) => `You are on stage in ${title}. Finish there first.`,
  },

  profile: {
    title: "You",
    name: "Name",
    save: "Save",
    id: "Your ID",
    idText: "It belongs to the key in your home directory. Names can repeat; this cannot.",
    copy: "Copy ID",
    version: (v: string) => `salon ${v}`,
  },

  changes: {
    joinedStage: (name: string) => `${name} is on stage.`,
    leftStage: (name: string) => `${name} left the stage.`,
    hand: (name: string) => `${name} raised a hand.`,
    youOnStage: "You are on stage. Your microphone is on.",
    youOnStageMuted: "You are on stage, muted.",
    youInAudience: "You are back in the audience.",
    youMuted: "You are muted.",
    youMutedByHost: "The host muted you.",
    youUnmuted: "Your microphone is on.",
    live: (title: string) => `You are in ${title}.`,
    reconnecting: "Connection to the room lost. Reconnecting.",
    back: "Connected again.",
    handUp: "Your hand is up.",
    handDown: "Your hand is down.",
  },

  error: {
    unreachable: "salon is not answering. Is it still running?",
    status: (status: number) => `salon could not do that (${status}).`,
    unknown: "That did not work.",
    noClipboard: "Your browser does not allow copying. Select the text and copy it yourself.",
  },
};

export type Words = typeof en;
