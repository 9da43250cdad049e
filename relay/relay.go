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
// The package opens no sockets and reads no clock; node gives it links and times.
package relay
