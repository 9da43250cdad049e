// Package relay carries one room's sound down a tree of nodes.
//
// The root is the host's node. Every other node has one parent that feeds it, and feeds children of its own; a
// speaker's frames travel up to the root and from there down to everyone. Always:
//
//   - A frame goes to each child at most once, unless the child asks again, and never back where it came from.
//   - A frame is sealed: its slot, number and length are all that is read here.
//   - A peer is heard only in the slots it was allowed; a slot this node speaks in is heard from nobody else.
//   - What the source did not sign does not come out of a Verifier, and nothing comes out twice.
//   - A lost frame or auth is asked for again within a frame time, a bounded number of times.
//   - Two seconds of every stream are kept, and no more; every frame that is dropped is counted under a name.
//
// A Tree carries the frames, a Verifier says which of them are true, and a Place finds the parents and children that the
// Tree has: a second parent stands by for when the first fails.
//
// # The second parent
//
// Who is fed looks for a second parent about a second after, and keeps it warm: it sends beacons, which say what it has, and begins
// to feed when it is asked to resume. The rule of who that is:
//
//   - Nobody who is on the path from the root to the node, the root excepted, nor anybody whose own path leads through one of them:
//     what takes the first parent away must not take the second. The node says whom to avoid, and who is asked refuses if it is one
//     of them or lies below one. After three refusals only the first parent itself is avoided: a second parent that shares a
//     grandparent is better than none.
//   - The root is on every path, so that it may be the second parent of any, and is the only one where there is one relay alone. It
//     keeps no more warm children than it has places free, so that it can feed all of them if that relay dies. Another node
//     keeps up to twice as many as it may feed: these will hardly come all at once.
//   - Who is deep finds it deep: asked for by somebody below, a node near the root sends them to its own children, for its places are
//     for those who would sink with all below them. Who carries others, and has one that is deeper than its first, looks for another.
//   - Whom the root feeds itself has a relay as second parent. Where there is no relay at all, nobody has a second parent: if the root is
//     gone there is nothing to be fed with, and who leads the room next is asked (see Inherit and Seek).
//   - A second parent that has come to lie on the path, as nodes moved, is given up for another, at most once in half a minute.
//
// A frame comes from the first parent; from the second only what was asked for. So the second costs a beacon every half second.
//
// The package opens no sockets and reads no clock; node gives it links and times.
package relay
