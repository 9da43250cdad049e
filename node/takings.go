package node

import (
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/room"
)

// A TakingsView is how the tickets of a room sell, as its host sees it.
type TakingsView struct {
	Offers []OfferTakings `json:"offers"`
	Wanted int            `json:"wanted"` // people who waited for tickets while this node could not be reached
	Credit string         `json:"credit"` // how much a buyer may owe in all, in the currency of the first offer; "" without one
}

// OfferTakings are those of one offer.
type OfferTakings struct {
	Name     string       `json:"name"`
	Price    string       `json:"price"`
	Seats    uint32       `json:"seats"` // in all
	Sold     uint32       `json:"sold"`  // tickets that are good, given away ones among them
	Held     uint32       `json:"held"`  // for who is buying just now
	Left     uint32       `json:"left"`
	Refunded uint32       `json:"refunded"` // tickets whose money went back
	Gross    string       `json:"gross"`    // taken, without what went back
	Back     string       `json:"back"`     // what went back
	Shares   []ShareView  `json:"shares"`   // who gets how much of gross, the host first
	Sales    []TakingView `json:"sales"`    // the newest first, at most 100
}

// A ShareView is somebody's part of the income.
type ShareView struct {
	To          string        `json:"to"` // host, co-host, relays, charity or fund
	Key         doc.PublicKey `json:"key,omitzero"`
	Name        string        `json:"name,omitempty"` // of them, where it is known here
	BasisPoints int           `json:"basis_points"`
	Money       string        `json:"money"`
}

// A TakingView is one sale.
type TakingView struct {
	Receipt  string        `json:"receipt"`
	Buyer    doc.PublicKey `json:"buyer"` // as a rule a key made for this purchase
	Count    uint32        `json:"count"`
	Sum      string        `json:"sum"` // without the rail's fee
	Rail     string        `json:"rail"`
	Time     int64         `json:"time"`               // unix ms
	Refunded string        `json:"refunded,omitempty"` // what went back
	Dispute  string        `json:"dispute,omitempty"`  // opened, won or lost; empty for none
}

var cutNames = map[ledger.Cut]string{ledger.CutCoHost: "co-host", ledger.CutRelays: "relays", ledger.CutCharity: "charity", ledger.CutFund: "fund"}

// Sales says how the tickets of a room sell. It is the host's to know.
func (r *Room) Sales() (TakingsView, error) {
	v := TakingsView{Offers: []OfferTakings{}}
	r.mu.Lock()
	host := r.charter.Host
	r.mu.Unlock()
	if host != r.n.Person() {
		return v, room.ErrNotAllowed
	}
	m := r.n.shop.market.Load()
	if m == nil {
		return v, nil
	}
	list, err := m.Takings(ledger.Room(r.id), time.Now())
	if err != nil {
		return v, err
	}
	v.Wanted = m.Wanted(ledger.Room(r.id))
	for _, s := range list {
		cur := s.Offer.Price.Cur
		money := func(a ledger.Amount) string { return ledger.Money{Amount: a, Cur: cur}.String() }
		if v.Credit == "" {
			v.Credit = money(r.n.home.Credit(cur))
		}
		o := OfferTakings{Name: s.Offer.Name, Price: s.Offer.Price.String(), Seats: s.Offer.Seats, Sold: s.Issued, Held: s.Held, Left: s.Left,
			Refunded: s.Refunded, Gross: money(s.Gross), Back: money(s.Back), Sales: []TakingView{}}
		own := ShareView{To: "host", BasisPoints: ledger.Whole}
		rest := s.Gross
		for i, share := range s.Offer.Split {
			o.Shares = append(o.Shares, ShareView{To: cutNames[share.Cut], Key: share.To, Name: r.n.nameOf(share.To), BasisPoints: int(share.BasisPoints), Money: money(s.Parts[i])})
			own.BasisPoints -= int(share.BasisPoints)
			rest -= s.Parts[i]
		}
		own.Money = money(rest)
		o.Shares = append([]ShareView{own}, o.Shares...)
		for i := len(s.Last) - 1; i >= 0; i-- {
			one := s.Last[i]
			sold := TakingView{Receipt: one.Receipt.String(), Buyer: one.Buyer, Count: one.Count, Sum: one.Money.String(), Rail: one.Rail, Time: one.Time.UnixMilli()}
			if one.Back > 0 {
				sold.Refunded = money(one.Back)
			}
			if one.Dispute != 0 {
				sold.Dispute = one.Dispute.String()
			}
			o.Sales = append(o.Sales, sold)
		}
		v.Offers = append(v.Offers, o)
	}
	return v, nil
}
