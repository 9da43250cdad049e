package ledger

import (
	"fmt"
	"time"

	"salon/ledger/doc"
)

// What a room shows of a tip is a receipt that everybody in it can check: the payee's device signs that the tip has come
// (Banner), and who gave it what may be seen of it (Card). A card goes with the order. It is left out where the giver's
// name is hidden, and then the tip is the payee's word alone; where the amount is hidden neither statement has it.

// MaxShown is the length of a Shown in bytes: the longest that there can be is 3.5 KiB.
const MaxShown = 4 << 10

func (Card) kind() string  { return "card" }
func (c Card) signer() Key { return c.By }

func (c Card) check() error {
	if c.Order.IsZero() || c.Payee.IsZero() || c.By.IsZero() || len(c.Cert) == 0 {
		return fieldError("order, key or certificate")
	}
	if !c.Money.IsZero() {
		if err := c.Money.check(); err != nil {
			return err
		}
	}
	return checkText("name", c.Name, maxName)
}

// fits checks that a card is that of an order, at the time at which it is taken in.
func (c Card) fits(o Order, id ID, at int64) error {
	cert, err := doc.OpenCert(c.Cert, time.UnixMilli(at))
	if err != nil {
		return err
	}
	money := o.Price
	if o.Hide&HideAmount != 0 {
		money = Money{}
	}
	switch {
	case !o.IsTip():
		return mismatch("a card with something else than a tip")
	case c.Order != id || c.Payee != o.Payee || c.By != o.Buyer || c.Room != o.Room || c.Money != money || c.Note != o.Note || c.Charity != o.Charity:
		return mismatch("the card is of another tip")
	case cert.Device != c.By:
		return fmt.Errorf("%w: the card is of somebody else", ErrSigner)
	case cert.Person == o.Payee:
		return mismatch("a tip to oneself")
	}
	return nil
}

func (Banner) kind() string  { return "banner" }
func (n Banner) signer() Key { return n.By }

func (n Banner) check() error {
	if n.Order.IsZero() || n.Receipt.IsZero() || n.By.IsZero() || len(n.Cert) == 0 || n.Room.IsZero() {
		return fieldError("order, receipt, signer or room")
	}
	if !n.Money.IsZero() {
		if err := n.Money.check(); err != nil {
			return err
		}
	}
	return checkTimes(n.Time)
}

// A Tip is what a room sees of one.
type Tip struct {
	Order   ID // names it
	Room    Room
	To      Key    // a person
	From    Key    // a person; zero if hidden
	Name    string // by which From wants to be thanked
	Money   Money  // none if it is hidden
	Charity Key    // whom To takes it for; zero if it is To's own
	Pledge  bool   // that it gets to the charity is To's word alone
	Note    string // empty if there is none, or it was erased
	Time    time.Time
}

// Open checks everything that a room shows of a tip: both signatures, whose they are, and that they say the same. Whether it is of
// this room, and new, is for the caller.
func (s Shown) Open(now time.Time) (Tip, error) {
	n, _, err := OpenDocument[Banner](s.Banner)
	if err != nil {
		return Tip{}, err
	}
	payee, err := doc.OpenCert(n.Cert, now)
	if err != nil {
		return Tip{}, err
	}
	if payee.Device != n.By {
		return Tip{}, fmt.Errorf("%w: the banner is of somebody else", ErrSigner)
	}
	t := Tip{Order: n.Order, Room: n.Room, To: payee.Person, Money: n.Money, Charity: n.Charity, Pledge: isPledge(n.Charity, s.Place, now), Time: time.UnixMilli(n.Time)}
	if len(s.Note) > 0 {
		if noteID(s.Note) != n.Note {
			return Tip{}, mismatch("another note")
		}
		if err := checkNote(s.Note); err != nil {
			return Tip{}, err
		}
		t.Note = NoteText(s.Note)
	}
	if len(s.Card) == 0 {
		return t, nil
	}
	c, _, err := OpenDocument[Card](s.Card)
	if err != nil {
		return Tip{}, err
	}
	giver, err := doc.OpenCert(c.Cert, now)
	switch {
	case err != nil:
		return Tip{}, err
	case giver.Device != c.By:
		return Tip{}, fmt.Errorf("%w: the card is of somebody else", ErrSigner)
	case giver.Person == t.To:
		return Tip{}, mismatch("a tip to oneself")
	case c.Order != n.Order || c.Payee != t.To || c.Room != n.Room || c.Money != n.Money || c.Note != n.Note || c.Charity != n.Charity:
		return Tip{}, mismatch("card and banner are of different tips")
	}
	t.From, t.Name = giver.Person, c.Name
	return t, nil
}

// Encode is what travels.
func (s Shown) Encode() ([]byte, error) {
	raw, err := doc.Marshal(s)
	if err == nil && len(raw) > MaxShown {
		return nil, fmt.Errorf("tip: %w: %d bytes", doc.ErrTooLarge, len(raw))
	}
	return raw, err
}

// ParseShown is the way back from Encode. It checks nothing that is in it: see Open.
func ParseShown(raw []byte) (Shown, error) {
	var s Shown
	if len(raw) > MaxShown {
		return s, fmt.Errorf("tip: %w: %d bytes", doc.ErrTooLarge, len(raw))
	}
	return s, doc.Unmarshal(raw, &s)
}

// Show makes what a room may see of a tip that is paid, but for note and place, which are not in the log. It is the same each time.
func (b *Books) Show(k doc.PrivateKey, cert []byte, quote ID) (s Shown, note ID, err error) {
	d, err := b.Deal(quote)
	if err != nil {
		return s, note, err
	}
	o := d.Order
	if !o.IsTip() || o.Room.IsZero() || d.Sold == nil {
		return s, note, fmt.Errorf("%w: no tip in a room", ErrUnknown)
	}
	r, receipt, err := OpenDocument[Receipt](d.Sold.Receipt)
	if err != nil {
		return s, note, err
	}
	n := Banner{Order: r.Order, Receipt: receipt, By: k.Public(), Cert: cert, Room: o.Room, Note: o.Note, Charity: o.Charity, Time: r.Time}
	if o.Hide&HideAmount == 0 {
		n.Money = o.Price
	}
	if o.Hide&HideName == 0 {
		if s.Card, err = b.card(r.Order); err != nil {
			return s, note, err
		}
	}
	s.Banner, _, err = Sign(k, n)
	return s, o.Note, err
}

// card returns the card that came with an order, nil if none did.
func (b *Books) card(order ID) ([]byte, error) {
	at, ok := load[docState](b, keyDoc+order.key())
	if !ok {
		return nil, fmt.Errorf("%w: order %s", ErrUnknown, order.Short())
	}
	e, err := b.recorded(at.Record)
	if err != nil {
		return nil, err
	}
	for i, n := range e.names() {
		if n.kind == (Card{}).kind() {
			return e.Docs[i], nil
		}
	}
	return nil, nil
}
