package mix

// A ring holds copies of packets by number, at most one window of them. Its slots keep their memory.
type ring struct {
	slots []slot
	count int
}

type slot struct {
	number uint64
	full   bool
	data   []byte
}

func newRing(size int) ring { return ring{slots: make([]slot, size)} }

func (r *ring) at(number uint64) *slot { return &r.slots[number%uint64(len(r.slots))] }

// put keeps a copy, unless that number is there already. The caller keeps numbers within one window.
func (r *ring) put(number uint64, packet []byte) bool {
	s := r.at(number)
	if s.full {
		return false
	}
	s.number, s.full, s.data = number, true, append(s.data[:0], packet...)
	r.count++
	return true
}

// get returns the packet, nil if it is not there. It is valid until a later packet is put in its place.
func (r *ring) get(number uint64) []byte {
	if s := r.at(number); s.full && s.number == number {
		return s.data
	}
	return nil
}

func (r *ring) remove(number uint64) {
	if s := r.at(number); s.full && s.number == number {
		s.full = false
		r.count--
	}
}

func (r *ring) clear() {
	for i := range r.slots {
		r.slots[i].full = false
	}
	r.count = 0
}

// oldest returns the first number that is there, from number on.
func (r *ring) oldest(number uint64) (uint64, bool) {
	if r.count == 0 {
		return 0, false
	}
	for n := number; n-number < uint64(len(r.slots)); n++ {
		if r.get(n) != nil {
			return n, true
		}
	}
	return 0, false
}
