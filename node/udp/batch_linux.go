package udp

import (
	"net"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams one system call takes. The call itself costs less than one of them, so that more would
// save next to nothing.
const batchSize = 64

// A batcher gives the kernel many datagrams in one call of sendmmsg, from headers that are made once: x/net's WriteBatch
// writes each address anew into memory that it borrows from a pool, which here would be a twentieth of what a datagram
// costs. Reads are x/net's. Whoever writes does so alone.
type batcher struct {
	*ipv4.PacketConn
	raw syscall.RawConn
	out *outgoing
}

// newBatcher serves IPv4 and IPv6: the messages of both are the same.
func newBatcher(c *net.UDPConn) batcher {
	b := batcher{PacketConn: ipv4.NewPacketConn(c), out: new(outgoing)}
	b.raw, _ = c.SyscallConn() // fails on no conn at all
	b.out.call = b.out.send
	return b
}

// An mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	unix.Msghdr
	sent uint32 // bytes, as the kernel says
}

// An outgoing is one call of sendmmsg: its headers, and what they point to. The pointers are typed, so that the garbage
// collector sees them; memory that has been allocated does not move.
type outgoing struct {
	headers [batchSize]mmsghdr
	parts   [batchSize]unix.Iovec
	to4     [batchSize]unix.RawSockaddrInet4
	to6     [batchSize]unix.RawSockaddrInet6
	zones   map[string]uint32 // of this machine's interfaces, by name
	n       int               // headers to be sent
	sent    int               // datagrams that the kernel took
	err     error             // or why it did not take the first
	call    func(fd uintptr) bool
}

// write sends some of ms, at least one, and returns how many. After an error the first was not sent. It waits while the
// socket takes no more.
func (b batcher) write(ms []ipv4.Message) (int, error) {
	o := b.out
	o.fill(ms[:min(len(ms), batchSize)])
	o.sent, o.err = 0, nil
	if err := b.raw.Write(o.call); err != nil {
		return 0, err // closed
	}
	return o.sent, o.err
}

// fill makes the headers for ms.
func (o *outgoing) fill(ms []ipv4.Message) {
	o.n = len(ms)
	for i := range ms {
		m, h, part := &ms[i], &o.headers[i], &o.parts[i]
		part.Base = unsafe.SliceData(m.Buffers[0])
		part.SetLen(len(m.Buffers[0]))
		h.Iov = part
		h.SetIovlen(1)
		h.Control = unsafe.SliceData(m.OOB)
		h.SetControllen(len(m.OOB))
		// An address is written into a struct of the kernel's, and the header points to its first byte.
		to, _ := m.Addr.(*net.UDPAddr) // a Place has no other
		if ip := to.IP.To4(); ip != nil {
			a := &o.to4[i]
			a.Family = unix.AF_INET
			a.Addr = [4]byte(ip)
			bigEndian(&a.Port, to.Port)
			h.Name, h.Namelen = (*byte)(unsafe.Pointer(a)), unix.SizeofSockaddrInet4
		} else {
			a := &o.to6[i]
			a.Family = unix.AF_INET6
			copy(a.Addr[:], to.IP)
			a.Scope_id = o.zone(to.Zone)
			bigEndian(&a.Port, to.Port)
			h.Name, h.Namelen = (*byte)(unsafe.Pointer(a)), unix.SizeofSockaddrInet6
		}
	}
}

// bigEndian writes a port as it is on the wire.
func bigEndian(at *uint16, port int) {
	b := (*[2]byte)(unsafe.Pointer(at))
	b[0], b[1] = byte(port>>8), byte(port)
}

// send is called by the runtime with the socket, which is not blocking, and again once it is writable after false.
func (o *outgoing) send(fd uintptr) bool {
	for {
		// Not a raw call: on loopback the kernel delivers within it, which takes long enough for others to run meanwhile.
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.headers[0])), uintptr(o.n), 0, 0, 0)
		switch errno {
		case 0:
			o.sent = int(n)
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			o.err = os.NewSyscallError("sendmmsg", errno)
			return true
		}
	}
}

// zone is the number of an interface, which link-local addresses need, and 0 for one that is not known.
func (o *outgoing) zone(name string) uint32 {
	if name == "" {
		return 0
	}
	if n, ok := o.zones[name]; ok {
		return n
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return 0 // it may come yet; the kernel refuses what has no zone
		}
		n = uint64(i.Index)
	}
	if o.zones == nil {
		o.zones = make(map[string]uint32)
	}
	o.zones[name] = uint32(n)
	return uint32(n)
}
