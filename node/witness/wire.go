package witness

import (
	"errors"
	"fmt"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/framed"
)

// Protocol is how nodes tell each other how far they have seen a log. One side asks, the other answers each question once, in
// order. A message is framed as all of ours are, one byte says what it is, and the rest is deterministic CBOR, an array. The rule is
// that of https://c2sp.org/tlog-witness, over a stream: who shows a checkpoint proves that the log grew to it from the one that
// the witness has signed last, or is told which that was.
//
//	show   a checkpoint   signed  with a cosignature (https://c2sp.org/tlog-cosignature), and by whom; or
//	                      kept    what was seen of it, if it is not proven to have grown from there; or
//	                      forked  the proof that the log's device has signed two
//	ask    of whom        seen    what was seen of a person's or a device's logs, and proofs against them
//	prove  a receipt      proven  where it is in the log of the device that is asked
//	grow   from a size    shown   how the log of that device stands
//	       any            refuse  why not
//
// No entry of a log goes over the wire but its first, and to its buyer the one of a sale.
const Protocol = "/salon/witness/1"

const (
	maxQuestion  = 32 << 10  // a first entry of 4 KiB, a checkpoint of 16, a proof of 64 hashes
	maxAnswer    = 128 << 10 // what was seen of a person
	maxSeenBytes = 96 << 10  // beyond which nothing more goes into an answer
	maxSightings = 16        // in an answer
	maxForks     = 4         // likewise
	maxName      = 128       // bytes
)

type message interface{ kind() byte }

type show struct {
	_    struct{} `cbor:",toarray"`
	Show ledger.Showing
}

type signed struct {
	_          struct{} `cbor:",toarray"`
	Checkpoint []byte
	Cert       []byte // of the witness's device
	Name       string // what its person calls themselves
}

type kept struct {
	_          struct{} `cbor:",toarray"`
	Checkpoint []byte
}

type forked struct {
	_     struct{} `cbor:",toarray"`
	Proof ledger.ForkProof
}

type ask struct {
	_   struct{} `cbor:",toarray"`
	Who ledger.Key
}

type seen struct {
	_     struct{} `cbor:",toarray"`
	List  []ledger.Sighting
	Forks []ledger.ForkProof
}

type prove struct {
	_       struct{} `cbor:",toarray"`
	Receipt ledger.ID
	From    uint64 // the size that the log is to be proven to have grown from; 0 if none was seen
}

type proven struct {
	_     struct{} `cbor:",toarray"`
	Proof ledger.Proven
}

type grow struct {
	_    struct{} `cbor:",toarray"`
	From uint64
}

type shown struct {
	_    struct{} `cbor:",toarray"`
	Show ledger.Showing
}

type refuse struct {
	_    struct{} `cbor:",toarray"`
	Code string
}

func (show) kind() byte   { return 1 }
func (signed) kind() byte { return 2 }
func (kept) kind() byte   { return 3 }
func (forked) kind() byte { return 4 }
func (ask) kind() byte    { return 5 }
func (seen) kind() byte   { return 6 }
func (prove) kind() byte  { return 7 }
func (proven) kind() byte { return 8 }
func (grow) kind() byte   { return 9 }
func (shown) kind() byte  { return 10 }
func (refuse) kind() byte { return 11 }

// encode frames a message.
func encode(m message) ([]byte, error) {
	body, err := doc.Marshal(m)
	if err != nil {
		return nil, err
	}
	return framed.Append(nil, append([]byte{m.kind()}, body...)), nil
}

var errMessage = errors.New("witness: a message that nobody here sends")

// decode reads what stands in a frame.
func decode(b []byte) (message, error) {
	if len(b) == 0 {
		return nil, errMessage
	}
	var m message
	var err error
	switch body := b[1:]; b[0] {
	case show{}.kind():
		m, err = decoded[show](body)
	case signed{}.kind():
		m, err = decoded[signed](body)
	case kept{}.kind():
		m, err = decoded[kept](body)
	case forked{}.kind():
		m, err = decoded[forked](body)
	case ask{}.kind():
		m, err = decoded[ask](body)
	case seen{}.kind():
		m, err = decoded[seen](body)
	case prove{}.kind():
		m, err = decoded[prove](body)
	case proven{}.kind():
		m, err = decoded[proven](body)
	case grow{}.kind():
		m, err = decoded[grow](body)
	case shown{}.kind():
		m, err = decoded[shown](body)
	case refuse{}.kind():
		m, err = decoded[refuse](body)
	default:
		err = fmt.Errorf("%w: kind %d", errMessage, b[0])
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

func decoded[M message](b []byte) (M, error) {
	var m M
	err := doc.Unmarshal(b, &m)
	return m, err
}

// Why a witness does not answer.
var (
	ErrBusy    = errors.New("witness: too much is asked; ask again in a while")
	ErrRefused = errors.New("witness: refused")
)

// codes are the reasons that are given, and what they mean to who asked. The first that fits is given.
var codes = []struct {
	code string
	err  error
}{
	{"busy", ErrBusy},
	{"full", ledger.ErrFull},
	{"unknown", ledger.ErrUnknown},
	{"restored", ledger.ErrRestored},
	{"doubted", ledger.ErrRolledBack},
}

func coded(err error) refuse {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return refuse{Code: c.code}
		}
	}
	return refuse{Code: "refused"}
}

func (r refuse) err() error {
	for _, c := range codes {
		if c.code == r.Code {
			return c.err
		}
	}
	return ErrRefused
}
