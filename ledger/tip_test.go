package ledger

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
)

// tipped is a tip of 2.50 EUR by bo to ana in the hall, with a note, paid by card, and what the hall may see of it.
type tipped struct {
	ana, bo *node
	order   Order
	note    []byte
	card    Card
	raw     []byte // the order
	quote   ID
	shown   Shown
}

func tip(t *testing.T, change ...func(*Order)) *tipped {
	t.Helper()
	x := &tipped{ana: newNode(t, 1), bo: newNode(t, 2)}
	note, noteID, err := NewNote("Encore!")
	if err != nil {
		t.Fatal(err)
	}
	x.note = note
	raw, id := x.bo.order(x.bo.key, x.ana.person.Public(), Entry{}, 1, append([]func(*Order){func(o *Order) {
		o.Purpose, o.Price, o.Room, o.Note = ForTip, eur(250), hall, noteID
	}}, change...)...)
	x.raw = raw
	if x.order, _, err = OpenDocument[Order](raw); err != nil {
		t.Fatal(err)
	}
	x.card = Card{Order: id, Payee: x.order.Payee, By: x.order.Buyer, Cert: x.bo.cert(), Name: "Bo", Room: hall, Money: x.order.Price, Note: noteID, Charity: x.order.Charity}
	if x.order.Hide&HideAmount != 0 {
		x.card.Money = Money{}
	}
	if x.quote, err = x.asks(ok2(Sign(x.bo.key, x.card))); err != nil {
		t.Fatal(err)
	}
	if _, err := x.ana.sell(Payment{Quote: x.quote, Proof: id[:]}); err != nil {
		t.Fatal(err)
	}
	if x.shown, _, err = x.ana.books.Show(x.ana.key, x.ana.cert(), x.quote); err != nil {
		t.Fatal(err)
	}
	x.shown.Note = note
	return x
}

// ok2 is the first of what Sign returns.
func ok2(raw []byte, _ ID, err error) []byte { return ok(raw, err) }

// asks has the payee answer the order with a card beside it.
func (x *tipped) asks(card []byte) (ID, error) {
	var raw []byte
	_, err := x.ana.try(func(b *Books) (d []Draft, err error) {
		raw, d, err = b.Quote(x.ana.key, x.raw, x.note, Terms{Rail: "card", Request: "card:1", Card: card})
		return d, err
	})
	if err != nil {
		return ID{}, err
	}
	_, id, err := OpenDocument[Quote](raw)
	return id, err
}

// A tip is the creator's, all of it, and everybody in the room can see whose it was; or not, as who gave it wants.
func TestShownTip(t *testing.T) {
	for _, c := range []struct {
		name string
		hide Hide
		from bool
		sum  Money
	}{
		{"all", 0, true, eur(250)},
		{"no name", HideName, false, eur(250)},
		{"no amount", HideAmount, true, Money{}},
		{"neither", HideName | HideAmount, false, Money{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := tip(t, func(o *Order) { o.Hide = c.hide })
			raw, err := x.shown.Encode()
			if err != nil {
				t.Fatal(err)
			}
			back, err := ParseShown(raw)
			if err != nil {
				t.Fatal(err)
			}
			got, err := back.Open(noon)
			want := Tip{Order: x.card.Order, Room: hall, To: x.ana.person.Public(), Money: c.sum, Note: "Encore!", Time: noon}
			if c.from {
				want.From, want.Name = x.bo.person.Public(), "Bo"
			}
			if err != nil || got != want {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
			if bo := x.bo.person.Public(); !c.from && bytes.Contains(raw, bo[:]) {
				t.Error("the name is in what is shown")
			}
			if a := x.ana.balance(IncomeTips); a != -250 {
				t.Errorf("%d of 250 are the creator's", a)
			}
			if back.Note = nil; c.from {
				if got, err := back.Open(noon); err != nil || got.Note != "" || got.From.IsZero() {
					t.Errorf("with the note erased: %+v, %v", got, err)
				}
			}
		})
	}
}

// Attack: banners that nobody paid, or not so much, or not there. Each is a whole statement, signed by whoever would gain.
func TestFakedBanners(t *testing.T) {
	x := tip(t)
	eve := newNode(t, 9)
	banner, _, err := OpenDocument[Banner](x.shown.Banner)
	if err != nil {
		t.Fatal(err)
	}
	note, noteID, _ := NewNote("Boo!")
	ofPayee := func(change func(*Banner)) []byte {
		b := banner
		change(&b)
		return ok2(Sign(x.ana.key, b))
	}
	ofGiver := func(change func(*Card)) []byte {
		c := x.card
		change(&c)
		return ok2(Sign(x.bo.key, c))
	}
	for _, c := range []struct {
		name string
		s    Shown
		want error
	}{
		{"more than was given", Shown{Banner: ofPayee(func(b *Banner) { b.Money = eur(25000) }), Card: x.shown.Card}, ErrMismatch},
		{"another currency", Shown{Banner: ofPayee(func(b *Banner) { b.Money.Cur = "USD" }), Card: x.shown.Card}, ErrMismatch},
		{"in another room", Shown{Banner: ofPayee(func(b *Banner) { b.Room[0]++ }), Card: x.shown.Card}, ErrMismatch},
		{"another order", Shown{Banner: ofPayee(func(b *Banner) { b.Order[0]++ }), Card: x.shown.Card}, ErrMismatch},
		{"another note", Shown{Banner: ofPayee(func(b *Banner) { b.Note = noteID }), Card: x.shown.Card, Note: note}, ErrMismatch},
		{"a note that nobody signed", Shown{Banner: x.shown.Banner, Card: x.shown.Card, Note: note}, ErrMismatch},
		{"for a charity, they say", Shown{Banner: ofPayee(func(b *Banner) { b.Charity = Key{1} }), Card: x.shown.Card}, ErrMismatch},
		{"the giver's word, changed since", Shown{Banner: x.shown.Banner, Card: ofGiver(func(c *Card) { c.Money = eur(1) })}, ErrMismatch},
		{"to somebody else", Shown{Banner: ok2(Sign(eve.key, func() Banner { b := banner; b.By, b.Cert = eve.key.Public(), eve.cert(); return b }())), Card: x.shown.Card}, ErrMismatch},
		{"with the payee's certificate", Shown{Banner: ok2(Sign(eve.key, func() Banner { b := banner; b.By = eve.key.Public(); return b }())), Card: x.shown.Card}, ErrSigner},
		{"in the giver's name", Shown{Banner: x.shown.Banner, Card: ok2(Sign(eve.key, func() Card { c := x.card; c.By = eve.key.Public(); return c }()))}, ErrSigner},
		{"by oneself", Shown{Banner: x.shown.Banner, Card: ok2(Sign(x.ana.key, func() Card { c := x.card; c.By, c.Cert = x.ana.key.Public(), x.ana.cert(); return c }()))}, ErrMismatch},
		{"a receipt for a banner", Shown{Banner: ok2(Sign(x.ana.key, Receipt{Order: ID{1}, Quote: ID{1}, By: x.ana.key.Public(), Rail: "card", Proof: []byte{1}, Paid: eur(1)}))}, nil},
		{"nothing", Shown{}, nil},
	} {
		if got, err := c.s.Open(noon); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", c.name, got, err, c.want)
		}
	}
	for i := range x.shown.Banner {
		s := Shown{Banner: bytes.Clone(x.shown.Banner), Card: x.shown.Card}
		s.Banner[i] ^= 1
		if _, err := s.Open(noon); err == nil {
			t.Fatalf("byte %d of the banner may be any", i)
		}
	}
	for i := range x.shown.Card {
		s := Shown{Banner: x.shown.Banner, Card: bytes.Clone(x.shown.Card)}
		s.Card[i] ^= 1
		if _, err := s.Open(noon); err == nil {
			t.Fatalf("byte %d of the card may be any", i)
		}
	}
	if _, err := x.shown.Open(noon.Add(3 * 365 * 24 * time.Hour)); err == nil {
		t.Error("it is good when the certificates are not")
	}
}

// Attack: a card of another tip than the order, or of somebody else. The payee does not take it, and so shows it to nobody.
func TestCardsThatDoNotFit(t *testing.T) {
	x := tip(t)
	eve := newNode(t, 9)
	with := func(change func(*Card)) []byte {
		c := x.card
		change(&c)
		return ok2(Sign(x.bo.key, c))
	}
	fresh := func() {
		x.raw, x.card.Order = x.bo.order(x.bo.key, x.order.Payee, Entry{}, 1, func(o *Order) { o.Purpose, o.Price, o.Room, o.Note = ForTip, eur(250), hall, x.order.Note })
	}
	for name, change := range map[string]func(*Card){
		"another order":     func(c *Card) { c.Order[0]++ },
		"another amount":    func(c *Card) { c.Money = eur(251) },
		"a hidden amount":   func(c *Card) { c.Money = Money{} },
		"another room":      func(c *Card) { c.Room[0]++ },
		"another payee":     func(c *Card) { c.Payee[0]++ },
		"without the note":  func(c *Card) { c.Note = ID{} },
		"for a charity":     func(c *Card) { c.Charity = Key{1} },
		"a stranger's cert": func(c *Card) { c.Cert = eve.cert() },
		"of nobody":         func(c *Card) { c.Cert = []byte{1} },
	} {
		fresh()
		if _, err := x.asks(with(change)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	fresh()
	if _, err := x.asks(with(func(*Card) {})); err != nil {
		t.Errorf("the right one: %v", err)
	}
	// A ticket has no card.
	offer := x.ana.must(evening(10, eur(500)))
	raw, id := x.bo.order(x.bo.key, x.order.Payee, offer, 1)
	x.raw, x.note = raw, nil
	card := Card{Order: id, Payee: x.order.Payee, By: x.bo.key.Public(), Cert: x.bo.cert(), Name: "Bo", Money: eur(500)}
	if _, err := x.asks(ok2(Sign(x.bo.key, card))); !errors.Is(err, ErrMismatch) {
		t.Errorf("with a ticket: %v", err)
	}
	for name, c := range map[string]Card{
		"of no name":       {Order: id, Payee: Key{1}, By: Key{2}, Cert: []byte{1}},
		"of a long name":   {Order: id, Payee: Key{1}, By: Key{2}, Cert: []byte{1}, Name: strings.Repeat("a", maxName+1)},
		"of less than 0":   {Order: id, Payee: Key{1}, By: Key{2}, Cert: []byte{1}, Name: "a", Money: eur(-1)},
		"of no such money": {Order: id, Payee: Key{1}, By: Key{2}, Cert: []byte{1}, Name: "a", Money: Money{Amount: 1, Cur: "XXX"}},
	} {
		if c.check() == nil {
			t.Errorf("a card %s is taken", name)
		}
	}
}

// The longest that there is: every name and note as long as may be, in the longest letters.
func TestLongestShown(t *testing.T) {
	person, device := seed(5), seed(6)
	cert, err := doc.SignCert(person, doc.Cert{Person: person.Public(), Device: device.Public(), Label: strings.Repeat("𐀀", 32), NotBefore: 1_000_000_000, NotAfter: maxSecond})
	if err != nil {
		t.Fatal(err)
	}
	note, noteID, err := NewNote(strings.Repeat("𐀀", MaxNote))
	if err != nil {
		t.Fatal(err)
	}
	most := Money{Amount: MaxAmount, Cur: "EUR"}
	s := Shown{
		Banner: ok2(Sign(device, Banner{Order: fill32[ID](1), Receipt: fill32[ID](2), By: device.Public(), Cert: cert, Room: fill16[Room](3), Money: most, Note: noteID, Charity: fill32[Key](4), Time: maxMilli})),
		Card:   ok2(Sign(device, Card{Order: fill32[ID](1), Payee: fill32[Key](2), By: device.Public(), Cert: cert, Name: strings.Repeat("𐀀", maxName), Room: fill16[Room](3), Money: most, Note: noteID, Charity: fill32[Key](4)})),
		Note:   note,
	}
	e, err := signEntry(device, Head{Log: ID{1}, Size: 1 << 40, Last: ID{2}, Time: maxMilli}, maxMilli, &RailKey{Rail: strings.Repeat("a", maxRail), Address: strings.Repeat("a", maxAddress), To: maxMilli}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Place, err = (Place{Cert: cert, Entry: e.Raw()}).Encode(); err != nil || len(s.Place) > maxPlace {
		t.Error(len(s.Place), err)
	}
	if raw, err := s.Encode(); err != nil || len(raw) < MaxShown/2 {
		t.Error(len(raw), err)
	}
}

// A charity's own word on where it is paid tells a gift from a pledge. Attack: that of somebody else, of another time, or none.
func TestPledge(t *testing.T) {
	charity, eve := newNode(t, 5), newNode(t, 9)
	x := tip(t, func(o *Order) { o.Purpose, o.Charity = ForCharity, charity.person.Public() })
	place := func(n *node, k *RailKey) []byte {
		return ok(Place{Cert: n.cert(), Entry: n.must(k).Raw()}.Encode())
	}
	address := RailKey{Rail: "lnd", Address: "node", From: noon.UnixMilli(), To: noon.Add(time.Hour).UnixMilli()}
	forged := ok(Place{Cert: charity.cert(), Entry: eve.must(&address).Raw()}.Encode())
	offer := ok(Place{Cert: charity.cert(), Entry: charity.must(evening(1, eur(1))).Raw()}.Encode())
	for _, c := range []struct {
		name   string
		place  []byte
		at     time.Time
		pledge bool
	}{
		{"its own", place(charity, &address), noon, false},
		{"none", nil, noon, true},
		{"of another time", place(charity, &address), noon.Add(time.Hour), true},
		{"somebody else's", place(eve, &address), noon, true},
		{"in its name", forged, noon, true},
		{"another statement of its own", offer, noon, true},
		{"rubbish", []byte("rubbish"), noon, true},
	} {
		x.shown.Place = c.place
		got, err := x.shown.Open(c.at)
		if err != nil || got.Pledge != c.pledge || got.Charity != charity.person.Public() || x.order.IsPledge(c.place, c.at) != c.pledge {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	if own := tip(t); own.order.IsPledge(nil, noon) {
		t.Error("a tip for no charity is a pledge")
	}
}

func FuzzShown(f *testing.F) {
	f.Add(unhex(f, "84 41 01 41 02 41 03 41 04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseShown(b)
		if err != nil {
			return
		}
		if _, err := s.Open(noon); err == nil {
			t.Error("somebody signed that")
		}
		if out, err := s.Encode(); err != nil || !bytes.Equal(out, b) {
			t.Errorf("%x is %x, %v", b, out, err)
		}
	})
}
