package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/relay"
	"salon/room"
)

// A tip is shown in its room once it is in the ledger of who was given it. That node tells who leads the room, and this tells
// everybody; each node looks for itself whether the tip is true before it shows it (ledger.Shown).

const (
	tipFor    = 10 * time.Minute // after its receipt, a tip may be shown; all of these are remembered
	tipsKept  = 50               // shown here, for who asks
	tipsKnown = 4096             // told apart

	// Tips shown in a room: a second, and at once. The money of more has come all the same.
	tipRate, tipBurst = 2, 20
)

// tips are what a room has shown. Room.mu guards them.
type tips struct {
	list []TipView               // the newest last
	seen map[ledger.ID]time.Time // when they came to be
	pace allowance
}

// A TipView is a tip as the room shows it.
type TipView struct {
	ID     string      `json:"id"` // of its order
	To     PersonView  `json:"to"`
	From   *PersonView `json:"from,omitempty"` // nil if who gave it hides that
	Amount string      `json:"amount"`         // such as "5 EUR"; "" if it is hidden
	Note   string      `json:"note"`           // "" for none
	Time   int64       `json:"time"`           // unix ms

	Caution *CautionView `json:"caution,omitempty"` // of who gave it

	Charity *doc.PublicKey `json:"charity,omitempty"` // for which To takes it, if so
	Pledge  bool           `json:"pledge"`            // that it gets there is To's word alone: the charity has signed nothing
}

// A TipWish is a tip to give.
type TipWish struct {
	To         string // a person's ID, or a room by ID, prefix or share link: its host
	Money      ledger.Money
	MaxFee     ledger.Money // that the rail may take on top; the zero Money means none
	Rail       string
	Note       string
	HideName   bool // from the room; who is given it sees both
	HideAmount bool
	Charity    doc.PublicKey // whom they take it for; zero if it is their own
	ByHand     bool          // this person pays
	Nonce      [16]byte      // the same tip again has the same one, and is given once; zero for none
}

// A TippedView is what became of a tip.
type TippedView struct {
	Order   string        `json:"order"`
	Receipt string        `json:"receipt"`
	To      doc.PublicKey `json:"to"`
	Room    *room.ID      `json:"room,omitempty"` // where it is shown; nil if nowhere
	Amount  string        `json:"amount"`
	Fee     string        `json:"fee"`  // the rail's, on top; "" for none
	Owed    bool          `json:"owed"` // nothing is paid yet: this person owes it

	// Pledge means that it gets to the charity by the word of who is given it alone. Nothing that the charity has signed is at hand.
	Pledge  bool `json:"pledge"`
	Charity bool `json:"charity"` // it is for one

	Pending *PendingView `json:"pending,omitempty"` // by hand: what this person is to pay now. The tip is given once they have
}

// A TipWaysView is what somebody who would give a tip is to know before.
type TipWaysView struct {
	To    doc.PublicKey `json:"to"`
	Rails []string      `json:"rails"`          // by which they take such money. They may let a person owe it who is known to them, without iou among these
	Fork  *ForkView     `json:"fork,omitempty"` // they have signed two different ledgers, which is proven
}

// TipWays asks somebody by which ways they take a currency. Meanwhile others are asked whether they know them to keep two ledgers.
func (n *Node) TipWays(ctx context.Context, ref string, cur ledger.Currency) (TipWaysView, error) {
	to, err := n.tipTo(ref)
	if err != nil {
		return TipWaysView{}, err
	}
	if to.person == n.Person() {
		return TipWaysView{}, errTipYourself
	}
	m, err := n.Market()
	if err != nil {
		return TipWaysView{}, err
	}
	caught := n.catching(ctx, to.person)
	rails, err := m.Takes(ctx, to.device, cur)
	v := TipWaysView{To: to.person, Rails: append([]string{}, rails...), Fork: <-caught}
	if err != nil && v.Fork == nil { // the warning counts also where they do not answer
		return TipWaysView{}, sellerError(err)
	}
	return v, nil
}

var (
	errTipYourself = &UserError{Code: "yourself", Text: "That would be a tip to yourself."}
	errTipNobody   = &UserError{Code: "unreachable", Text: "This person is in no room with you, and hosts none that is live: a tip cannot reach them just now."}
)

// Tip gives a tip. It answers when the receipt is in the ledger; a payment that was begun goes on without.
func (n *Node) Tip(ctx context.Context, w TipWish) (TippedView, error) {
	note, err := doc.CleanText(w.Note, ledger.MaxNote)
	if err != nil {
		return TippedView{}, err
	}
	if w.Money.Amount <= 0 || !w.MaxFee.IsZero() && w.MaxFee.Cur != w.Money.Cur {
		return TippedView{}, &UserError{Code: "bad_price", Text: "A tip is money, such as 5 EUR or 2500 sat, and its fee is of the same currency."}
	}
	to, err := n.tipTo(w.To)
	if err != nil {
		return TippedView{}, err
	}
	if to.person == n.Person() {
		return TippedView{}, errTipYourself
	}
	m, err := n.Market()
	if err != nil {
		return TippedView{}, err
	}
	g := market.Gift{Device: to.device, Payee: to.person, Room: to.room, Money: w.Money, MaxFee: w.MaxFee.Amount, Rail: w.Rail, Note: note, Name: n.displayName(), Charity: w.Charity, ByHand: w.ByHand, Nonce: w.Nonce}
	if w.HideName {
		g.Hide |= ledger.HideName
	}
	if w.HideAmount {
		g.Hide |= ledger.HideAmount
	}
	given, err := m.Tip(ctx, g)
	byHand := w.ByHand && !given.Order.IsZero() && errors.Is(err, market.ErrPending)
	if err != nil && !byHand {
		return TippedView{}, tipError(unlessBegun(given.Order, err))
	}
	v := TippedView{Order: given.Order.String(), Receipt: given.Receipt.String(), To: to.person, Amount: w.Money.String(), Owed: w.Rail == ledger.IOURail, Pledge: given.Pledge, Charity: !w.Charity.IsZero()}
	if given.Fee.Amount != 0 {
		v.Fee = given.Fee.String()
	}
	if byHand {
		v.Receipt = ""
		if v.Pending, err = n.pendingOf(v.Order); err != nil {
			return TippedView{}, err
		}
	}
	if !to.room.IsZero() {
		id := room.ID(to.room)
		v.Room = &id
	}
	return v, nil
}

// tipError puts a payee's refusal in words that speak of no tickets.
func tipError(err error) error {
	switch {
	case errors.Is(err, market.ErrPending):
		return &UserError{Code: "payment_pending", Text: "The payment is on its way. It goes on by itself."}
	case errors.Is(err, ledger.ErrCredit):
		return &UserError{Code: "no_credit", Text: "They do not let you owe them that much. Pay in another way, or ask them."}
	case errors.Is(err, market.ErrBusy):
		return &UserError{Code: "seller_busy", Text: "So many tips at once are too many. Wait a moment."}
	}
	return sellerError(err)
}

// A tippee is who is given a tip, and where.
type tippee struct {
	person, device ledger.Key
	room           ledger.Room // zero if it is shown nowhere
}

// tipTo finds who is meant.
func (n *Node) tipTo(ref string) (tippee, error) {
	person, err := doc.ParsePublicKey(strings.TrimSpace(ref))
	if err != nil {
		link, err := n.seller(ref)
		return tippee{person: link.Host, device: link.Device, room: ledger.Room(link.Room)}, err
	}
	if person == n.Person() {
		return tippee{person: person}, nil
	}
	for _, r := range n.Rooms() {
		if device, ok := r.tippable(person); ok {
			return tippee{person, device, ledger.Room(r.id)}, nil
		}
	}
	for _, c := range n.Directory() {
		if c.Host.Person != person {
			continue
		}
		if link, err := n.seller(c.ID.String()); err == nil {
			return tippee{person: person, device: link.Device}, nil // we are not there: nobody need see it
		}
	}
	return tippee{}, errTipNobody
}

// tippable returns the device of a room's host, or of somebody on its stage.
func (r *Room) tippable(p doc.PublicKey) (device doc.PublicKey, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == nil || r.phase != Live {
		return device, false
	}
	seat, ok := r.state.SeatOf(p)
	return seat.Device, ok
}

// leaderNear is who leads a room in which a device is on stage; "" if there is none, or it leads itself.
func (n *Node) leaderNear(device doc.PublicKey) peer.ID {
	for _, r := range n.Rooms() {
		if id := r.leaderOf(device); id != "" {
			return id
		}
	}
	return ""
}

func (r *Room) leaderOf(device doc.PublicKey) peer.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == nil || r.phase != Live || r.host != nil || !r.sits(device) || r.state.Leader().Device == device {
		return ""
	}
	id, err := peerOf(r.state.Leader().Device)
	if err != nil {
		return ""
	}
	return id
}

// sits reports whether a device has a seat. r.mu is held.
func (r *Room) sits(device doc.PublicKey) bool {
	return slices.ContainsFunc(r.state.Seats, func(s room.Seat) bool { return s.Device == device })
}

// dialOnStage opens a stream to a device on the stage of a room that we lead, over the connection that there is.
func (n *Node) dialOnStage(ctx context.Context, device ledger.Key) (market.Stream, error) {
	for _, r := range n.Rooms() {
		r.mu.Lock()
		ours := r.host != nil && !r.phase.Over() && r.sits(device)
		r.mu.Unlock()
		if !ours {
			continue
		}
		id, err := peerOf(device)
		if err != nil {
			return nil, err
		}
		return n.host.NewStream(network.WithNoDial(ctx, "a tip to somebody on stage"), id, market.Protocol)
	}
	return nil, errTipNobody
}

// tipped takes what a room may see of a tip that we were given.
func (n *Node) tipped(s ledger.Shown) {
	now := time.Now()
	raw, err := s.Encode()
	if err != nil {
		n.o.Log.Error("tip", "err", err)
		return
	}
	t, err := openTip(raw, now)
	if err != nil {
		n.o.Log.Error("tip", "err", err)
		return
	}
	if r := n.Room(room.ID(t.Room)); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.passTip(raw, t, now)
	}
}

// openTip checks the signatures of a tip, and that its name can be shown.
func openTip(raw []byte, now time.Time) (ledger.Tip, error) {
	s, err := ledger.ParseShown(raw)
	if err != nil {
		return ledger.Tip{}, err
	}
	t, err := s.Open(now)
	if err == nil && !t.From.IsZero() {
		var name string
		if name, err = room.CleanName(t.Name); err == nil && name != t.Name {
			err = doc.ErrText
		}
	}
	return t, err
}

// openTipBelow opens a tip that a child sent, within its pace. A relay leaves it to who leads.
func (r *Room) openTipBelow(c *child, raw []byte, now time.Time) (ledger.Tip, error) {
	r.mu.Lock()
	may, leads := c.conduct.tips.take(now, tipRate, tipBurst), r.host != nil
	r.mu.Unlock()
	if !may || len(raw) > ledger.MaxShown {
		r.n.counts.Add("tip_flood")
		return ledger.Tip{}, errFlood
	}
	if !leads {
		return ledger.Tip{}, nil
	}
	t, err := openTip(raw, now)
	if err != nil {
		r.n.counts.Add("tip_forged")
	}
	return t, err
}

// passTip tells everybody of a tip, or who leads the room. r.mu is held.
func (r *Room) passTip(raw []byte, t ledger.Tip, now time.Time) {
	switch {
	case r.phase.Over() || r.state == nil:
	case r.host == nil:
		if r.guest.ctl != nil {
			r.guest.ctl.Send(relay.Tip{Payload: raw})
		}
	case r.takeTip(t, now):
		r.broadcast(relay.Tip{Payload: raw})
	}
}

// tipFromAbove takes a tip from who feeds us.
func (r *Room) tipFromAbove(u *uplink, raw []byte, now time.Time) {
	t, err := openTip(raw, now)
	if err != nil {
		r.n.counts.Add("tip_forged")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guest.up == u && r.state != nil && r.takeTip(t, now) && r.carries != nil {
		r.broadcast(relay.Tip{Payload: raw})
	}
}

// takeTip shows a tip, if it is of this room, to somebody who can be given one here, and new. r.mu is held.
func (r *Room) takeTip(t ledger.Tip, now time.Time) bool {
	b := &r.tips
	for id, at := range b.seen {
		if now.Sub(at) > tipFor {
			delete(b.seen, id)
		}
	}
	_, seen := b.seen[t.Order]
	switch {
	case t.Room != ledger.Room(r.id), t.To != r.charter.Host && !r.state.OnStage(t.To):
		r.n.counts.Add("tip_of_another_room")
		return false
	case seen, now.Sub(t.Time) > tipFor, t.Time.Sub(now) > doc.Skew:
		r.n.counts.Add("tip_shown_before")
		return false
	case len(b.seen) >= tipsKnown, !b.pace.take(now, tipRate, tipBurst):
		r.n.counts.Add("tip_flood")
		return false
	}
	if b.seen == nil {
		b.seen = make(map[ledger.ID]time.Time)
	}
	b.seen[t.Order] = t.Time
	if r.n.people.Blocks(t.From) {
		return true
	}
	v := TipView{ID: t.Order.String(), To: r.names.view(t.To), Note: t.Note, Time: t.Time.UnixMilli()}
	if !t.From.IsZero() {
		v.From = &PersonView{t.From, t.Name}
		v.Caution = r.n.caution(t.From, t.Name, r.leaders())
	}
	if !t.Charity.IsZero() {
		v.Charity, v.Pledge = &t.Charity, t.Pledge
	}
	if !t.Money.IsZero() {
		v.Amount = t.Money.String()
	}
	b.list = append(b.list, v)
	b.list = b.list[max(0, len(b.list)-tipsKept):]
	r.n.watch.tell(Change{Kind: TipShown, Room: r.id, Tip: &v})
	return true
}

// Tips are those that were shown while we were here, the newest last.
func (r *Room) Tips() []TipView {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]TipView{}, r.tips.list...)
}
