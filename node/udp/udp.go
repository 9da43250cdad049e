// Package udp is the fast way of a room's sound: datagrams on the very socket that QUIC uses, so that one NAT binding, one
// identity and one handshake serve both. Always:
//
//   - A link begins on its stream. It sends datagrams while the other end has answered a sealed echo within the last second,
//     and by the stream otherwise, each packet by one of them: whatever is lost, nothing is delivered twice.
//   - Datagrams go where QUIC has found the peer. One that comes from elsewhere, however well sealed, has the address
//     challenged; it redirects nothing.
//   - Bytes of strangers cost a look into a map. What does not open, or opens a second time, is counted under a name.
//   - QUIC gets every packet that is its own, in order, with its control messages.
//   - Sending allocates nothing for a packet and never blocks.
//
// The formats are in wire.go, when to ask and when to fall back in echo.go. Nothing here knows of libp2p.
package udp
