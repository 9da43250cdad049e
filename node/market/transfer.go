package market

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// Why a ticket does not change hands.
var (
	ErrElsewhere = errors.New("market: this seller cannot do that for the ticket: the host can")
	ErrNoKey     = errors.New("market: the key for that is not on this device")
	ErrText      = errors.New("market: this is not a ticket")
)

// move answers a holder who gives a ticket away: the next generation is the new holder's, and the one before is void. For the same
// new holder there is the same answer; nobody else gets one.
func (m *Market) move(q move) (message, error) {
	tr, _, err := ledger.OpenDocument[ledger.Transfer](q.Transfer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	if done, err := m.moved(tr); done != nil || err != nil {
		return done, err
	}
	var raw []byte
	_, err = m.store.Append(time.Now(), func(b *ledger.Books) (drafts []ledger.Draft, err error) {
		raw, drafts, err = b.Transfer(m.id.Device(), q.Transfer)
		return drafts, err
	})
	switch {
	case errors.Is(err, ledger.ErrUnknown): // another stream was faster, or the ticket is void
		if done, other := m.moved(tr); done != nil || other != nil {
			return done, other
		}
		return nil, err
	case errors.Is(err, ledger.ErrSigner):
		return nil, errors.Join(ErrElsewhere, err)
	case err != nil:
		return nil, err
	}
	return moved{Ticket: raw}, nil
}

// moved is what was answered for a ticket that changed hands; nil if it did not.
func (m *Market) moved(tr ledger.Transfer) (answer message, err error) {
	look := m.look(func(l *lists) {
		at := l.seating.tickets[tr.Ticket]
		switch {
		case at != nil && at.holder != tr.By:
			err = fmt.Errorf("%w: not the holder's word", ledger.ErrUnknown)
		case at == nil || at.moved == nil:
		case at.moved.to != tr.To:
			err = ErrGivenAway
		default:
			answer = moved{Ticket: at.moved.ticket}
		}
	})
	return answer, errors.Join(look, err)
}

// Transfer gives a ticket of ours to a key: a person's, a device's. It returns the new ticket, which whoever has that key accepts. If
// the answer is lost, transferring it again to the same key brings it.
func (m *Market) Transfer(ctx context.Context, ticket ledger.ID, to ledger.Key, person doc.PrivateKey) ([]byte, error) {
	var h held
	var done []byte
	if err := m.look(func(l *lists) {
		for _, room := range l.held {
			for _, one := range room {
				if one.id == ticket {
					h = one
				}
			}
		}
		done = l.given[ticket]
	}); err != nil {
		return nil, err
	}
	if h.raw == nil {
		if t, _, err := ledger.ReadDocument[ledger.Ticket](done); err == nil {
			if t.Holder == to {
				return done, nil
			}
			return nil, ErrGivenAway
		}
		return nil, fmt.Errorf("%w: ticket %s", ledger.ErrUnknown, ticket.Short())
	}
	key := m.holderKey(h, person)
	if key.IsZero() {
		return nil, ErrNoKey
	}
	raw, id, err := ledger.Sign(key, ledger.Transfer{Ticket: ticket, By: h.ticket.Holder, To: to, Time: time.Now().UnixMilli()})
	if err != nil {
		return nil, err
	}
	c, end, err := m.call(ctx, h.host)
	if err != nil {
		return nil, err
	}
	defer end()
	answer, err := asked[moved](c, move{Transfer: raw})
	if err != nil {
		return nil, err
	}
	t, newID, err := ledger.OpenDocument[ledger.Ticket](answer.Ticket)
	if err != nil {
		return nil, err
	}
	if t.Room != h.ticket.Room || t.Class != h.ticket.Class || t.Serial != h.ticket.Serial || t.Gen <= h.ticket.Gen || t.Holder != to || t.By != h.host {
		return nil, fmt.Errorf("%w: not the ticket that was to be given", ledger.ErrMismatch)
	}
	if err := m.append(&ledger.Handed{Transfer: id, Ticket: newID}, raw, answer.Ticket); err != nil {
		return nil, err
	}
	c.end()
	return answer.Ticket, nil
}

// holderKey is the private key of a ticket of ours. person may be zero: then what is held by the person stays where it is.
func (m *Market) holderKey(h held, person doc.PrivateKey) doc.PrivateKey {
	for _, k := range []doc.PrivateKey{m.KeyOf(h.order), m.id.Device(), person} {
		if !k.IsZero() && k.Public() == h.ticket.Holder {
			return k
		}
	}
	return doc.PrivateKey{}
}

// Accept takes in a ticket that somebody gave to this node's person or device. Accepting twice is accepting once.
func (m *Market) Accept(raw []byte) (ledger.Ticket, error) {
	t, id, err := ledger.OpenDocument[ledger.Ticket](raw)
	if err != nil {
		return t, errors.Join(ErrText, err)
	}
	if who := m.id.Author(); t.Holder != who.Person && t.Holder != who.Device {
		return t, ledger.ErrSigner // though the ledger has it, of one that this node has given away
	}
	err = m.append(&ledger.Handed{Ticket: id}, raw)
	if errors.Is(err, ledger.ErrDuplicate) {
		return t, nil
	}
	return t, err
}

// Give makes complimentary tickets to a room of this node's person, one for each holder. They take seats like any other.
func (m *Market) Give(room ledger.Room, number uint8, holders ...ledger.Key) (tickets [][]byte, err error) {
	var first ledger.ID
	if err := m.look(func(l *lists) { first = l.seating.firsts[class{room, number}] }); err != nil {
		return nil, err
	}
	if first.IsZero() {
		return nil, ledger.ErrNotOnSale
	}
	_, err = m.store.Append(time.Now(), func(b *ledger.Books) (drafts []ledger.Draft, err error) {
		tickets, drafts, err = b.Give(m.id.Device(), first, holders...)
		return drafts, err
	})
	return tickets, err
}

// textBegins is how a ticket begins that people send to each other.
const textBegins = "salon-ticket:"

// Text is a ticket as people send it to each other. Whoever reads it sees it, and only its holder comes in with it.
func Text(raw []byte) string { return textBegins + base64.RawURLEncoding.EncodeToString(raw) }

// ParseText is the way back from Text.
func ParseText(s string) ([]byte, error) {
	body, found := strings.CutPrefix(strings.TrimSpace(s), textBegins)
	if !found || len(body) > maxText {
		return nil, ErrText
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, errors.Join(ErrText, err)
	}
	return raw, nil
}

const maxText = 1024
