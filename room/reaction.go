package room

// Emoji are the reactions there are, by the number that stands for each on the wire. New ones are added at the end.
var Emoji = []string{"❤️", "👏", "😂", "😮", "👍", "🎉", "🔥", "🙏"}
