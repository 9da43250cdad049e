package node

import (
	"errors"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/relay"
	"salon/room"
)

// A UserError is a refusal in words for a person. Code is constant and for programs.
type UserError struct{ Code, Text string }

func (e *UserError) Error() string { return e.Text }

var errNotConnected = &UserError{Code: "not_connected", Text: "The host cannot be reached just now. Your place is kept while the node tries again."}

// explained pairs the rule book's sentinels with what a person is told.
var explained = []struct {
	err error
	UserError
}{
	{room.ErrNotAllowed, UserError{"not_allowed", "Only the host or a co-host can do that, and what concerns co-hosts only the host."}},
	{room.ErrHostGone, UserError{"host_gone", "Only the host can do that, and the host does not lead the room just now."}},
	{room.ErrNotSeated, UserError{"not_on_stage", "That works only for people on stage."}},
	{room.ErrFull, UserError{"full", "There is no place left."}},
	{room.ErrNoHand, UserError{"no_hand", "That hand is not raised."}},
	{room.ErrHandsClosed, UserError{"hands_closed", "The host takes no hands just now."}},
	{room.ErrStageOnly, UserError{"stage_only", "No hand is needed: everybody here may come on stage."}},
	{room.ErrWaiting, UserError{"waiting", "The room has not begun."}},
	{room.ErrNoStick, UserError{"no_stick", "No talking stick is in use."}},
	{room.ErrChatClosed, UserError{"chat_closed", "The chat is closed: only the host and co-hosts write just now."}},
	{room.ErrSlow, UserError{"slow", "Slow mode is on: wait a little before the next message."}},
	{room.ErrNoLine, UserError{"no_line", "That message is not there any more."}},
	{room.ErrNotInvited, UserError{"not_invited", "The host has not invited you to speak, or has taken it back."}},
	{room.ErrNoInvitation, *errInviteOnly},
	{room.ErrNoTicket, *errTicketOnly},
	{room.ErrNoSubscriber, *errSubscribersOnly},
	{room.ErrOpenRoom, UserError{"open_room", "Everybody may come into this room: there is no guest list, and no key to keep."}},
	{ledger.ErrRolledBack, explainedOldCopy},
	{ledger.ErrSoldOut, UserError{"sold_out", "The tickets are sold out."}},
	{ledger.ErrLimit, UserError{"ticket_limit", "One buyer may not have so many."}},
	{ledger.ErrNotOnSale, UserError{"not_on_sale", "Tickets to this room are not on sale now."}},
	{ledger.ErrCancelled, UserError{"sale_cancelled", "The host has cancelled this."}},
	{ledger.ErrExpired, UserError{"sale_expired", "That took too long: the seats are not held any more. Nothing was charged."}},
	{ledger.ErrCredit, UserError{"no_credit", "The host does not let you owe that much. Pay in another way, or ask the host."}},
	{ledger.ErrMismatch, UserError{"offer_changed", "The price or the offer is another by now. Look again before you buy."}},
	{market.ErrRail, UserError{"no_rail", "The host does not take money in this way."}},
	{market.ErrCurrency, UserError{"wrong_currency", "The price is in another currency than this way of paying: by Lightning one pays sat, and not EUR."}},
	{market.ErrSpending, UserError{"spending_limit", "That is more than you let salon spend, in one payment or within 24 hours. 'salon ledger rail list' shows the limits."}},
	{market.ErrFailed, UserError{"payment_failed", "The payment failed, and no money has moved."}},
	{market.ErrPending, UserError{"payment_pending", "The payment is on its way. The tickets come by themselves when it has arrived."}},
	{market.ErrBusy, UserError{"seller_busy", "The seller has too much to do. Wait a moment."}},
	{market.ErrSeller, UserError{"seller_unwell", "The seller cannot sell just now. Nothing was charged."}},
	{market.ErrLate, UserError{"paid_too_late", "Sold out: the payment came too late for its seats. The seller has to send the money back, and has not yet said that it is there. It is asked again until it does; do not pay anew."}},
	{market.ErrOthersOwe, UserError{"seller_has_money", "The device that sold this was paid for it, and has not given the money back yet. It is asked again until it has; the seats are void. 'salon ticket due' lists what is open."}},
	{market.ErrWalletSends, UserError{"wallet_sends", "Your wallet sends this payment, and says itself how that ends: 'salon ledger shares' shows it. Nobody has to."}},
	{market.ErrWalletAway, UserError{"wallet_away", "The wallet that was sending this payment is not set up any more, and may have sent it. Set it up again with 'salon ledger rail add', and it is asked by itself. If you cannot, and have seen there that nothing was sent, say 'salon ledger unsent PAYMENT --wallet-gone'."}},
	{market.ErrOnItsWay, UserError{"on_its_way_back", "The money is on its way back. It counts once it has arrived: wait, and do not send it by hand."}},
	{market.ErrWasSent, UserError{"was_sent_back", "This way of paying has sent the money back by itself. Refund again without saying that you sent it by hand: then it is booked."}},
	{market.ErrUntold, UserError{"not_told", "It cannot be found out whether this way of paying has sent the money back by itself. Wait until it answers, or take it out of salon if it never will ('salon ledger rail remove'), before you send anything by hand."}},
	{market.ErrOtherInvoice, UserError{"other_invoice", "That invoice cannot be paid: it is of another sum than what is due, has expired, or has served. Ask the buyer for one of just what 'salon ticket due' lists."}},
	{market.ErrServed, UserError{"no_way_back", "The buyer gave one invoice for money back with the order, and it has served for an earlier refund: an invoice is paid once. Ask the buyer for a new one of what is due, and have your wallet pay it: salon ticket sent RECEIPT --invoice INVOICE."}},
	{market.ErrSentAnew, UserError{"sent_elsewhere", "This money was sent to another invoice that the buyer gave, which may be paid yet. Give that one again to see how it ended: salon ticket sent RECEIPT --invoice INVOICE. If that fails, a new one is taken."}},
	{market.ErrNoWayBack, UserError{"no_way_back", "Money that was paid in this way cannot be sent back by salon. Send it yourself, and say so (salon ticket sent)."}},
	{market.ErrOthers, UserError{"sold_by_other", "Somebody else sold this and has the money: only they can send it back. Refund it without saying that it was sent by hand, and they are asked."}},
	{market.ErrGivenAway, UserError{"given_away", "This ticket was given to somebody else. It is not good any more."}},
	{market.ErrElsewhere, UserError{"ask_host", "The host has to do that: who sold the ticket cannot."}},
	{market.ErrNoKey, UserError{"no_person_key", "The key for that is not on this device."}},
	{market.ErrText, UserError{"bad_ticket", "This is not a ticket, or only a part of one."}},
	{market.ErrNoProof, UserError{"no_proof", "What was paid in this way cannot be proven to others: only a payment by Lightning has a proof of its own."}},
	{ledger.ErrSeat, UserError{"seats_sold", "More seats than that were given out already."}},
	{ledger.ErrDisputed, UserError{"disputed", "The payment is disputed, and the bank has not decided. Until then nothing can be done with it."}},
	{ledger.ErrTooMuch, UserError{"too_much", "That is more than there is."}},
	{ledger.ErrSigner, UserError{"not_yours", "That is somebody else's."}},
	{ledger.ErrUnknown, UserError{"no_such_ticket", "There is no such thing in the ledger, or not any more."}},
	{market.ErrWishes, UserError{"too_many_wishes", "You wait for too much already: drop a wish first."}},
	{market.ErrNotYours, UserError{"not_selling", "That device does not sell for you: its person must be a co-host who is in the room, or you."}},
	{market.ErrNoWish, UserError{"no_wish", "There is no such wish, or it is being paid, or asks for another price."}},
	{room.ErrNotRemoved, UserError{"not_removed", "Nobody by that key was removed from this room."}},
	{room.ErrRemoved, UserError{"removed", "The host removed this person from the room."}},
	{room.ErrEnded, UserError{"ended", "The room has ended."}},
	{room.ErrNoChange, UserError{"no_change", "It is so already."}},
	{room.ErrDeviceBusy, UserError{"device_busy", "This device has a place under another person."}},
	{room.ErrBusy, UserError{"busy", "Too many commands at once. Wait a moment."}},
	{room.ErrReplay, UserError{"replayed", "This command was sent before."}},
	{room.ErrStale, UserError{"clock", "Your computer's clock is more than two minutes slow."}},
	{room.ErrFuture, UserError{"clock", "Your computer's clock is more than two minutes fast."}},
	{room.ErrField, UserError{"bad_field", "A value is out of range."}},
	{doc.ErrText, UserError{"bad_text", "That text cannot be shown: use visible characters only."}},
	{doc.ErrTextLong, UserError{"bad_text", "That text is too long."}},
}

// explain turns any error into words for a person.
func explain(err error) *UserError {
	var u *UserError
	if errors.As(err, &u) {
		return u
	}
	for i := range explained {
		if errors.Is(err, explained[i].err) {
			return &explained[i].UserError
		}
	}
	return &UserError{Code: "refused", Text: "That did not work: " + err.Error() + "."}
}

// Explain turns any error of this package into words for a person.
func Explain(err error) *UserError { return explain(err) }

// answered is the way back from a host's answer to an error, so that both sides test the same sentinel. The words are
// ours where we know the code: a host's text is a stranger's.
func answered(a relay.Answer) error {
	if a.Code == errNotConnected.Code {
		return errNotConnected // from ourselves, for a command that was on its way
	}
	for i := range explained {
		if explained[i].Code == a.Code {
			return explained[i].err
		}
	}
	return &UserError{Code: "refused", Text: "The host refused."}
}
