// Package market carries the ledger's messages: a buyer's node asks a seller's, pays, and takes receipt and tickets home.
//
// What may be sold, and to whom, the ledger says; here are the questions and answers, and the rails that move money. Always:
//
//   - Nothing is told to the other side that is not on our own disk: a quote, a receipt, a ticket.
//   - Before money moves, the buyer's ledger says so. No crash makes it move twice.
//   - A payment that is pending is not failed. It is asked for again until the rail says how it ended.
//   - Asking twice is asking once: an order has one quote while that holds, and a quote one receipt.
//   - What was paid is never kept without a ticket or a refund.
//   - Both sides go on after a crash from what their ledgers say, and from nothing else.
//
// The package knows streams and not who carries them: node gives it those of libp2p.
package market

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// A Stream is what the market needs of a libp2p stream.
type Stream interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
	Reset() error
}

// Options configures New. Store and Identity must be set; the rest works as its zero value.
type Options struct {
	Store    *ledger.Store
	Identity *doc.Identity
	Rails    map[string]Rail // beside that of IOUs, which is always there
	// Dial opens a stream to a device. nil means that this node only sells.
	Dial func(ctx context.Context, device ledger.Key) (Stream, error)
	// Credit is how much a buyer may owe in all; nil means nothing. It must not call the market.
	Credit func(buyer ledger.Key, cur ledger.Currency) ledger.Amount
	// Vouched is told whose a device is that orders, as it has shown; nil if nobody wants to know. It must not call the market.
	Vouched func(doc.Author) error
	// Via opens a stream to a device that the peer cannot reach itself; nil means to none.
	Via func(ctx context.Context, device ledger.Key) (Stream, error)
	// Place is what a charity itself has signed on where it is paid, as ledger.Place has it; nil means that nothing is known.
	Place func(charity ledger.Key) []byte
	// Tipped hears what a room may see of a tip that has come, at least once; nil means nobody does. It must not call the market.
	Tipped func(ledger.Shown)
	// Device is whose device the peer is that Serve was told of; nil or the zero Key: nobody's that is known.
	Device func(from string) ledger.Key
	// Sells says whether this node sells tickets to a room for its host, if that asks; its own person's it always does.
	Sells func(host ledger.Key, room ledger.Room) bool
	// Lent takes how much a buyer may owe the host that this node sells for.
	Lent func(host ledger.Key, cur ledger.Currency, credit ledger.Amount) error
	// Lends is what Lent took last for a host; nil means nothing. It must not call the market.
	Lends func(host ledger.Key, cur ledger.Currency) ledger.Amount
	// Where are the addresses of a device, as multiaddrs, and Met takes those that somebody says it has.
	Where func(device ledger.Key) [][]byte
	Met   func(device ledger.Key, addrs [][]byte)
	// Wishes are what KeepWishes was given last, which must keep it. Told hears of each wish that comes to something.
	Wishes     []byte
	KeepWishes func(raw []byte) error
	Told       func(Wish)
	// Payers are the devices that may owe this node's person shares of what they sold, and Devices those of somebody to whom this one
	// may; nil means that none are known but who asks. They must not call the market.
	Payers  func() []ledger.Key
	Devices func(person ledger.Key) []ledger.Key
	// Carried takes what a relay, which has shown who it is, hands over of what it carried for a room; nil means nobody does.
	Carried func(relay doc.Author, room ledger.Room, list []Carriage) error
	// Wanted hears of how many people waited for tickets to a room of this node's person while it could not be reached. It must
	// not call the market.
	Wanted func(room ledger.Room, people int)
	// Hands are what KeepHands was given last, which must keep it: what a person pays. HandsLost says that this cannot be read.
	Hands     []byte
	HandsLost bool
	KeepHands func(raw []byte) error
	// Invoice asks the wallet of a lightning address for an invoice; nil means that no shares are paid there.
	Invoice func(ctx context.Context, address string, sum ledger.Money) (request string, err error)
	// Places are what KeepPlaces was given last, which should keep it: where people whom shares are owed to are paid.
	Places     []byte
	KeepPlaces func(raw []byte) error
	// Damaged hears that wishes or hands hold nothing that can be read: they are written anew, so what is there now is to be kept aside.
	// nil means that nobody cares. It must not call the market.
	Damaged func(what Kept, err error)
	Log     *slog.Logger // nil means discard
}

// A Market buys and sells for one ledger. Its methods may be called at once by many.
type Market struct {
	store  *ledger.Store
	id     *doc.Identity
	rails  *rails // they have a lock of their own
	dial   func(ctx context.Context, device ledger.Key) (Stream, error)
	credit func(buyer ledger.Key, cur ledger.Currency) ledger.Amount
	via    func(ctx context.Context, device ledger.Key) (Stream, error)
	tipped func(ledger.Shown)
	vouch  func(doc.Author) error
	place  func(charity ledger.Key) []byte
	log    *slog.Logger
	o      Options

	syncing sync.Mutex // held while sellers are asked; taken before mu, as is
	wishing sync.Mutex // held while wishes are tried

	hurry chan ledger.Key // devices that came; the zero Key: a purchase has just broken off

	givingBack sync.Mutex // held while money goes back; before mu
	revising   sync.Mutex // held while an offer is; likewise
	paying     sync.Mutex // held while shares are paid out; likewise
	sold       sales      // of this node's rooms; they have a lock of their own
	hands      *hands     // likewise; theirs is below mu

	mu      sync.Mutex // guards the fields below
	lists   lists
	serving map[string]int                     // streams, by peer
	holds   map[string]map[ledger.ID]time.Time // by peer: quotes that are not paid, and until when they hold
	tips    map[string]pace                    // by peer
	changed chan struct{}                      // closed at the next sale
	claims  map[ledger.ID]claim                // by settlement: what debtors say that they have paid
	open    map[ledger.ID]error                // by order: why the last try to end a purchase did not
	stuck   map[ledger.ID]error                // by receipt: why the last try to give money back did not
	anew    map[ledger.ID]string               // money back, by the name that the rail knows it by -> the invoice that a person has given for it
	asked   map[ledger.ID]asking               // by allotment: how far its seller has told us
	wishes  []Wish                             // at most maxWishes
	trying  string                             // the wish that is being bought
	earners map[ledger.Key]ledger.Key          // person -> the device at which they last asked for their shares; at most maxPeers
	toldTo  map[ledger.Key]uint64              // person -> how far they were told of their shares
	waits   map[ledger.Room]map[string]bool    // by room of ours: peers whose wishes waited for us
	nonces  map[[16]byte]bool                  // of tips that are being given
	places  map[ledger.Key][]byte              // person -> their word on where they are paid; at most maxPlaces
}

// New makes a market of a ledger that is open.
func New(o Options) *Market {
	m := &Market{
		store: o.Store, id: o.Identity, dial: o.Dial, credit: o.Credit, vouch: o.Vouched, via: o.Via, tipped: o.Tipped, place: o.Place, log: o.Log, o: o,
		rails:   newRails(o.Rails),
		lists:   newLists(o.Identity.Author()),
		serving: map[string]int{},
		tips:    map[string]pace{},
		holds:   map[string]map[ledger.ID]time.Time{},
		changed: make(chan struct{}),
		claims:  map[ledger.ID]claim{},
		open:    map[ledger.ID]error{},
		stuck:   map[ledger.ID]error{},
		anew:    map[ledger.ID]string{},
		asked:   map[ledger.ID]asking{},
		earners: map[ledger.Key]ledger.Key{},
		toldTo:  map[ledger.Key]uint64{},
		hurry:   make(chan ledger.Key, 64),
		nonces:  map[[16]byte]bool{},
		waits:   map[ledger.Room]map[string]bool{},
	}
	iou := NewIOU(o.Store, o.Identity.Device())
	m.rails.set(ledger.IOURail, &Rail{Payee: iou, Payer: iou})
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if m.wishes, err = readWishes(o.Wishes); err != nil {
		m.damaged(KeptWishes, err)
	}
	if m.hands, err = readHands(o.Hands); err != nil {
		m.damaged(KeptHands, err)
	}
	lost := err != nil || o.HandsLost
	if m.places, err = readPlaces(o.Places); err != nil {
		m.log.Warn("kept beside the ledger, and cannot be read; they say it again", "err", err)
	}
	if lost {
		if err := m.allByHand(); err != nil {
			m.log.Error("purchases that are under way are not kept as paid by hand", "err", err)
		}
	}
	if m.credit == nil {
		m.credit = func(ledger.Key, ledger.Currency) ledger.Amount { return 0 }
	}
	return m
}

// A Kept is what a market keeps beside the ledger.
type Kept string

// What is kept: what somebody waits to buy, and which orders a person pays.
const (
	KeptWishes Kept = "wishes"
	KeptHands  Kept = "hands"
)

func (m *Market) damaged(what Kept, err error) {
	m.log.Error("kept beside the ledger, and cannot be read", "what", string(what), "err", err)
	if m.o.Damaged != nil {
		m.o.Damaged(what, err)
	}
}

// watchAgain is how long a rail that does not answer is left alone.
const watchAgain = 10 * time.Second

// Run finishes what a crash or an outage left open, of sales and of purchases, and hears of payments, until ctx ends.
func (m *Market) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { m.watchRails(ctx) })
	all.Go(func() {
		every(ctx, resumeAgain, func() {
			if err := m.PayBack(ctx); err != nil && ctx.Err() == nil {
				m.log.Warn("money is still to go back", "err", err)
			}
		})
	})
	if m.dial != nil {
		all.Go(func() { m.collectByHand(ctx) })
		all.Go(func() {
			every(ctx, newsAgain, func() {
				if err := m.News(ctx); err != nil && ctx.Err() == nil {
					m.log.Info("a seller was not asked for news", "err", err)
				}
			})
		})
		all.Go(func() {
			every(ctx, syncAgain, func() {
				if err := m.Sync(ctx); err != nil && ctx.Err() == nil {
					m.log.Info("a seller was not heard", "err", err)
				}
			})
		})
		all.Go(func() {
			every(ctx, earnAgain, func() {
				if err := errors.Join(m.Earn(ctx), m.TellShares(ctx)); err != nil && ctx.Err() == nil {
					m.log.Info("somebody was not asked or told of shares", "err", err)
				}
			})
		})
		all.Go(func() {
			every(ctx, wishAgain, func() {
				if err := m.TryWishes(ctx); err != nil && ctx.Err() == nil {
					m.log.Warn("a wish cannot be tried", "err", err)
				}
			})
		})
		all.Go(func() { m.keepResuming(ctx) })
		all.Go(func() {
			every(ctx, resumeAgain, func() {
				if err := m.ResumeShares(ctx); err != nil && ctx.Err() == nil {
					m.log.Info("a share is on its way", "err", err)
				}
			})
		})
	}
}

// every calls f, and again a while after it has returned, until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-time.After(d):
		}
	}
}
