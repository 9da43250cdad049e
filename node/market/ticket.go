package market

import "salon/ledger"

// Raw is a ticket that this node has bought, as it was signed; nil if it has none by that ID.
func (m *Market) Raw(id ledger.ID) (raw []byte, err error) {
	err = m.look(func(l *lists) {
		for _, room := range l.held {
			for _, h := range room {
				if h.id == id {
					raw = h.raw
				}
			}
		}
	})
	return raw, err
}
