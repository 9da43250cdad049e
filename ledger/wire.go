package ledger

// The bytes of everything that is signed or stored are laid down in this file: deterministic CBOR, integer keys, zero
// values left out where they are common. A signed thing, entry or document, travels as the array [bytes, signature];
// the signature covers the domain "salon/ledger-<kind>/1", a zero byte and the bytes. A number is never used again for
// something else; a change that older nodes would misread changes the domain's version.
//
// Times are unix milliseconds, but in tickets, where every byte counts: unix seconds.

// signedWire is [bytes, signature].
type signedWire struct {
	_    struct{} `cbor:",toarray"`
	Body []byte
	Sig  [64]byte
}

// entryWire is what an entry's signature covers, in the domain "salon/ledger-entry/1".
type entryWire struct {
	Kind Kind   `cbor:"1,keyasint"`
	Log  ID     `cbor:"2,keyasint,omitzero"` // the ID of the log's first entry, zero in that one
	Seq  uint64 `cbor:"3,keyasint"`
	Prev ID     `cbor:"4,keyasint,omitzero"`
	Time int64  `cbor:"5,keyasint"`
	Body []byte `cbor:"6,keyasint"`
}

// recordWire is an entry with its documents, as the database and the segment hold it. In the place of a note is an empty string (note.go).
type recordWire struct {
	_     struct{} `cbor:",toarray"`
	Entry []byte
	Docs  [][]byte
}

// Documents.

// An Order is signed by the buyer, and pins the price that the buyer saw.
type Order struct {
	Purpose Purpose  `cbor:"1,keyasint"`
	Offer   ID       `cbor:"2,keyasint,omitzero"` // the offer's entry; zero for tips
	Payee   Key      `cbor:"3,keyasint"`          // a person
	Buyer   Key      `cbor:"4,keyasint"`          // signs, and will hold the tickets
	Count   uint32   `cbor:"5,keyasint"`          // tickets or periods; 1 for tips
	Price   Money    `cbor:"6,keyasint"`          // of all of them, without the rail's fee
	Nonce   [16]byte `cbor:"7,keyasint"`
	Time    int64    `cbor:"8,keyasint"`
	Expires int64    `cbor:"9,keyasint"`
	Refund  string   `cbor:"10,keyasint,omitempty"` // where the rail may send money back to
	Note    ID       `cbor:"11,keyasint,omitzero"`  // of a note, which travels and is stored beside the order
	Room    Room     `cbor:"12,keyasint,omitzero"`  // of a tip in a room
	Charity Key      `cbor:"13,keyasint,omitzero"`  // whom a tip to a charity is for
	Hide    Hide     `cbor:"14,keyasint,omitempty"` // what a tip does not show in the room
}

// A Quote is signed by the seller's device: these seats are yours until then, if you pay that.
type Quote struct {
	Order   ID       `cbor:"1,keyasint"`
	By      Key      `cbor:"2,keyasint"`
	Rail    string   `cbor:"3,keyasint"`
	Request string   `cbor:"4,keyasint,omitempty"` // what the rail asks to be paid, such as an invoice
	Price   Money    `cbor:"5,keyasint"`
	Fee     Amount   `cbor:"6,keyasint,omitempty"` // the rail's, on top
	Serials []uint32 `cbor:"7,keyasint,omitempty"`
	From    int64    `cbor:"8,keyasint,omitempty"` // of a subscription
	Through int64    `cbor:"9,keyasint,omitempty"`
	Time    int64    `cbor:"10,keyasint"`
	Expires int64    `cbor:"11,keyasint"`
}

// A Receipt is signed by the payee's device: this was paid.
type Receipt struct {
	Order ID     `cbor:"1,keyasint"`
	Quote ID     `cbor:"2,keyasint"`
	By    Key    `cbor:"3,keyasint"`
	Rail  string `cbor:"4,keyasint"`
	Proof []byte `cbor:"5,keyasint"` // a preimage, the number of a charge, the ID of an IOU
	Paid  Money  `cbor:"6,keyasint"` // price and fee
	Cost  Amount `cbor:"7,keyasint,omitempty"`
	Time  int64  `cbor:"8,keyasint"`
	Tax   string `cbor:"9,keyasint,omitempty"` // that of the offer
}

// A Ticket is signed by the seller's device: this key may enter this room.
type Ticket struct {
	Room      Room   `cbor:"1,keyasint"`
	Class     uint8  `cbor:"2,keyasint,omitempty"`
	Serial    uint32 `cbor:"3,keyasint"`
	Gen       uint32 `cbor:"4,keyasint"` // from 1; the newest of a serial counts (Books.nextGen)
	Holder    Key    `cbor:"5,keyasint"`
	NotBefore int64  `cbor:"6,keyasint"` // unix seconds
	NotAfter  int64  `cbor:"7,keyasint"` // unix seconds
	By        Key    `cbor:"8,keyasint"`
}

// A Transfer is signed by a ticket's holder: give it to this key.
type Transfer struct {
	Ticket ID    `cbor:"1,keyasint"`
	By     Key   `cbor:"2,keyasint"`
	To     Key   `cbor:"3,keyasint"`
	Time   int64 `cbor:"4,keyasint"`
}

// An IOU is signed by the debtor: I owe that for this quote.
type IOU struct {
	Quote    ID    `cbor:"1,keyasint"`
	Debtor   Key   `cbor:"2,keyasint"`
	Creditor Key   `cbor:"3,keyasint"`
	Money    Money `cbor:"4,keyasint"`
	Due      int64 `cbor:"5,keyasint,omitempty"`
	Time     int64 `cbor:"6,keyasint"`
}

// A Settle is signed by the debtor: I have paid you that outside of salon.
type Settle struct {
	Debtor   Key      `cbor:"1,keyasint"`
	Creditor Key      `cbor:"2,keyasint"`
	Money    Money    `cbor:"3,keyasint"`
	Means    string   `cbor:"4,keyasint"` // "cash", "bank"
	Nonce    [16]byte `cbor:"5,keyasint"`
	Time     int64    `cbor:"6,keyasint"`
}

// A Settled is signed by the creditor: so it is.
type Settled struct {
	Settle ID    `cbor:"1,keyasint"`
	By     Key   `cbor:"2,keyasint"`
	Time   int64 `cbor:"3,keyasint"`
}

// A Slip is signed by who owes shares of what was sold: so much is yours by now. The newest of a device, a cut and a currency is worth
// all before it.
type Slip struct {
	By     Key      `cbor:"1,keyasint"`
	To     Key      `cbor:"2,keyasint"` // a person
	Cut    Cut      `cbor:"3,keyasint"`
	Cur    Currency `cbor:"4,keyasint"`
	Total  Amount   `cbor:"5,keyasint,omitempty"` // of all payouts; what was paid of it, settlements say
	Change Amount   `cbor:"6,keyasint"`           // since the slip before; below zero after refunds
	Number uint64   `cbor:"7,keyasint"`           // goes up
	Time   int64    `cbor:"8,keyasint"`
}

// A Leave is signed by a subscriber: what is paid is used up, and nothing follows.
type Leave struct {
	Offer   ID    `cbor:"1,keyasint"` // as in the order
	By      Key   `cbor:"2,keyasint"` // the buyer
	Through int64 `cbor:"3,keyasint"` // until when is paid: after a renewal this says nothing
}

// A Card is signed by who gives a tip: this a room may see of it.
type Card struct {
	Order   ID     `cbor:"1,keyasint"`
	Payee   Key    `cbor:"2,keyasint"` // a person
	By      Key    `cbor:"3,keyasint"` // the buyer of the order
	Cert    []byte `cbor:"4,keyasint"` // says whose device that is
	Name    string `cbor:"5,keyasint"` // by which the giver wants to be thanked
	Room    Room   `cbor:"6,keyasint,omitzero"`
	Money   Money  `cbor:"7,keyasint,omitzero"` // none if it is hidden
	Note    ID     `cbor:"8,keyasint,omitzero"`
	Charity Key    `cbor:"9,keyasint,omitzero"`
}

// A Banner is signed by the payee's device: a tip has come. It is the receipt as a room may see it.
type Banner struct {
	Order   ID     `cbor:"1,keyasint"`
	Receipt ID     `cbor:"2,keyasint"`
	By      Key    `cbor:"3,keyasint"`
	Cert    []byte `cbor:"4,keyasint"` // says whose device that is: the payee
	Room    Room   `cbor:"5,keyasint"`
	Money   Money  `cbor:"6,keyasint,omitzero"` // none if it is hidden
	Note    ID     `cbor:"7,keyasint,omitzero"`
	Charity Key    `cbor:"8,keyasint,omitzero"`
	Time    int64  `cbor:"9,keyasint"` // of the receipt
}

// A Shown is what a room shows of a tip: the array [banner, card, note, place]. The card is empty where the giver's name is hidden,
// the note where there is none, the place if the tip is for no charity, or for one of which nothing signed is at hand.
type Shown struct {
	_      struct{} `cbor:",toarray"`
	Banner []byte
	Card   []byte
	Note   []byte
	Place  []byte
}

// A Remittance shows that a payment was made, without a word of who got it: the array [order, quote, certificate, offer, allotment,
// proof]. The certificate is that of the device that signed the quote or, if that sells for somebody, of the host's; then offer and
// allotment are entries of the host's log, else they are empty. The proof is the rail's.
type Remittance struct {
	_     struct{} `cbor:",toarray"`
	Order []byte
	Quote []byte
	Cert  []byte
	Offer []byte
	Allot []byte
	Proof []byte
}

// A Place is somebody's own word on where they are paid: the array [certificate of their device, its RailKey entry].
type Place struct {
	_     struct{} `cbor:",toarray"`
	Cert  []byte
	Entry []byte
}

// A Return is signed by the seller of an allotment: from this serial on, and of these below, I have sold none, and will sell
// none.
type Return struct {
	Allot ID       `cbor:"1,keyasint"`
	By    Key      `cbor:"2,keyasint"`
	From  uint32   `cbor:"3,keyasint"`
	Time  int64    `cbor:"4,keyasint"`
	Free  []uint32 `cbor:"5,keyasint,omitempty"` // were held at times; ascending
}

// A Revocations is signed by the host's device: older generations than these are void.
type Revocations struct {
	Room  Room   `cbor:"1,keyasint"`
	Epoch uint64 `cbor:"2,keyasint"`
	Time  int64  `cbor:"3,keyasint"`
	By    Key    `cbor:"4,keyasint"`
	Gens  []byte `cbor:"5,keyasint"`           // see revocations.go
	Void  []byte `cbor:"6,keyasint,omitempty"` // classes that are cancelled, ascending
	Back  []byte `cbor:"7,keyasint,omitempty"` // serials that sellers gave back, see revocations.go
}

// A Listing is how an offer is shown to who has none of its books: the array [certificate of the host's device, entry of the
// offer, entry of the allotment]. The last is empty where the host's device itself sells.
type Listing struct {
	_     struct{} `cbor:",toarray"`
	Cert  []byte
	Offer []byte
	Allot []byte
}

// Bodies of entries.

// An Opened is the first entry of a log.
type Opened struct {
	Cert   []byte `cbor:"1,keyasint"` // lets the device speak for its person (package doc)
	Epoch  uint32 `cbor:"2,keyasint"`
	Before ID     `cbor:"3,keyasint,omitzero"`  // the log of the epoch before
	Last   []byte `cbor:"4,keyasint,omitempty"` // the newest checkpoint of that log that is known
}

// A RailKey ties a rail's own key or address to this person.
type RailKey struct {
	Rail    string `cbor:"1,keyasint"`
	Address string `cbor:"2,keyasint"`
	From    int64  `cbor:"3,keyasint"`
	To      int64  `cbor:"4,keyasint"`
}

// An Offer of tickets to a room, or of a subscription. A later version names the first, and may change what is not yet
// sold, and the room's time.
type Offer struct {
	First     ID      `cbor:"1,keyasint,omitzero"` // the first version's entry; zero in that one
	Version   uint32  `cbor:"2,keyasint"`          // from 1
	Room      Room    `cbor:"3,keyasint,omitzero"` // zero for a subscription
	Class     uint8   `cbor:"4,keyasint,omitempty"`
	Name      string  `cbor:"5,keyasint"` // of the class or the tier, for people
	Price     Money   `cbor:"6,keyasint"`
	Seats     uint32  `cbor:"7,keyasint,omitempty"` // serials run from 0; 0 for a subscription
	PerBuyer  uint32  `cbor:"8,keyasint,omitempty"` // 0 means no limit
	SaleFrom  int64   `cbor:"9,keyasint,omitempty"`
	SaleTo    int64   `cbor:"10,keyasint,omitempty"` // 0 means no end
	Starts    int64   `cbor:"11,keyasint,omitempty"` // tickets are good from here
	Ends      int64   `cbor:"12,keyasint,omitempty"` // to here
	RefundTo  int64   `cbor:"13,keyasint,omitempty"` // until when a buyer may have the money back by asking; 0 means not at all
	Period    int64   `cbor:"14,keyasint,omitempty"` // of a subscription, in seconds
	Split     []Share `cbor:"15,keyasint,omitempty"`
	FirstFree uint32  `cbor:"16,keyasint,omitempty"` // after a restore: serials below may be sold already
	Tax       string  `cbor:"17,keyasint,omitempty"` // what the seller states of tax, for people; the price is what is paid
	Perks     string  `cbor:"18,keyasint,omitempty"` // what a subscription brings, for people
}

// An Allot lets another device sell serials of an offer.
type Allot struct {
	Offer   ID     `cbor:"1,keyasint"` // first version
	Seller  Key    `cbor:"2,keyasint"` // the device that signs quotes, receipts and tickets
	Payee   Key    `cbor:"3,keyasint"` // the person who takes the money
	From    uint32 `cbor:"4,keyasint"`
	To      uint32 `cbor:"5,keyasint"` // the first serial after
	Expires int64  `cbor:"6,keyasint"`
}

// An Adopt takes in somebody else's offer, and an allotment of it to this device.
type Adopt struct {
	Offer ID     `cbor:"1,keyasint"`
	Allot ID     `cbor:"2,keyasint"`
	Cert  []byte `cbor:"3,keyasint"` // of the device that signed both
}

// A Reclaim takes back the serials that a seller returned.
type Reclaim struct {
	Return ID `cbor:"1,keyasint"`
}

// A Reserve takes an order, and holds the seats that its quote names.
type Reserve struct {
	Order ID `cbor:"1,keyasint"`
	Quote ID `cbor:"2,keyasint"`
	Note  ID `cbor:"3,keyasint,omitzero"`
	Card  ID `cbor:"4,keyasint,omitzero"` // of a tip
}

// A Sale books a payment, and issues what it was for. A payment that came too late, for seats that are gone, is booked
// without tickets, and to be refunded.
type Sale struct {
	Receipt ID   `cbor:"1,keyasint"`
	IOU     ID   `cbor:"2,keyasint,omitzero"`
	Tickets []ID `cbor:"3,keyasint,omitempty"`
}

// A Report books at the host what the seller of an allotment sold.
type Report struct {
	Order   ID   `cbor:"1,keyasint"`
	Quote   ID   `cbor:"2,keyasint"`
	Receipt ID   `cbor:"3,keyasint"`
	Tickets []ID `cbor:"4,keyasint"`
}

// A Gift issues a ticket that nobody paid.
type Gift struct {
	Offer  ID `cbor:"1,keyasint"` // first version
	Ticket ID `cbor:"2,keyasint"`
}

// A Move gives a ticket's seat to another key.
type Move struct {
	Transfer ID `cbor:"1,keyasint"`
	Ticket   ID `cbor:"2,keyasint"`
}

// A Revoke voids tickets.
type Revoke struct {
	Offer   ID       `cbor:"1,keyasint"` // first version
	Serials []uint32 `cbor:"2,keyasint"`
	Reason  Reason   `cbor:"3,keyasint"`
}

// A Cancel ends an offer: nothing more is sold, and every ticket is void.
type Cancel struct {
	Offer  ID     `cbor:"1,keyasint"` // first version
	Reason Reason `cbor:"2,keyasint"`
}

// A Refund pays a buyer back, wholly or in part.
type Refund struct {
	Receipt ID     `cbor:"1,keyasint"`
	Money   Money  `cbor:"2,keyasint"`
	Rail    string `cbor:"3,keyasint"`
	Proof   []byte `cbor:"4,keyasint,omitempty"`
	Reason  Reason `cbor:"5,keyasint"`
	Of      ID     `cbor:"6,keyasint,omitzero"`  // at the host: the entry by which the seller who has the money gave it back, or lost it in a dispute
	Word    bool   `cbor:"7,keyasint,omitempty"` // a person has sent it, and says so: no rail does
}

// A Pay is the payer's intent: it is on disk before the money moves.
type Pay struct {
	Order ID     `cbor:"1,keyasint"`
	Quote ID     `cbor:"2,keyasint"`
	IOU   ID     `cbor:"3,keyasint,omitzero"`
	Note  ID     `cbor:"4,keyasint,omitzero"`
	Cert  []byte `cbor:"5,keyasint"`          // of the device that signed the quote or, if it sells by an allotment, that
	Offer ID     `cbor:"6,keyasint,omitzero"` // of what is sold by an allotment, and of a subscription: the terms that the payer has agreed to
	Allot ID     `cbor:"7,keyasint,omitzero"` // the allotment
}

// A Got is the payer's receipt, and what came with it.
type Got struct {
	Receipt ID     `cbor:"1,keyasint"`
	Tickets []ID   `cbor:"2,keyasint,omitempty"`
	Cost    Amount `cbor:"3,keyasint,omitempty"` // what the payer's side of the rail took besides
}

// A Void says that a payment failed for good: no money has moved, and none will.
type Void struct {
	Quote  ID     `cbor:"1,keyasint"`
	Reason Reason `cbor:"2,keyasint"`
}

// A Refunded takes in the payee's refund.
type Refunded struct {
	Refund ID `cbor:"1,keyasint"` // an entry of the payee's log
}

// A Clear books a debt that was paid outside of salon, in either party's log.
type Clear struct {
	Settle  ID     `cbor:"1,keyasint"`
	Settled ID     `cbor:"2,keyasint"`
	Cert    []byte `cbor:"3,keyasint,omitempty"` // of the creditor's device, in the log of a debtor who has never paid there
}

// A Divide says how all that has come into a room's pool so far is divided among those who carried the room. It takes the
// place of the one before: what that gave somebody more is taken back, and what it gave less is added.
type Divide struct {
	Room  Room   `cbor:"1,keyasint"`
	Money Money  `cbor:"2,keyasint"` // nothing if all of it went back
	Parts []Part `cbor:"3,keyasint"` // ascending
}

// A Part is the array [to, weight]: what a relay carried, in whatever unit all of them are measured in.
type Part struct {
	_      struct{} `cbor:",toarray"`
	To     Key      // a person
	Weight uint64
}

// A Payout makes debts of shares: each leg has a slip, which says so to whom it is owed. It has no field 1.
type Payout struct {
	Cur   Currency `cbor:"2,keyasint"`
	Legs  []Leg    `cbor:"3,keyasint"`
	Slips []ID     `cbor:"4,keyasint"`
}

// A Leg is the array [cut, to, amount]. An amount below zero takes back what was not paid yet: a refund has taken the share away.
type Leg struct {
	_      struct{} `cbor:",toarray"`
	Cut    Cut      // CutRelays is a relay's own share, after the pool was divided
	To     Key
	Amount Amount
}

// A Paid says that a debt of a payout was paid: money is on its way, and is confirmed by a Clear.
type Paid struct {
	Settle  ID     `cbor:"1,keyasint"`
	Request string `cbor:"2,keyasint,omitempty"` // what a rail was asked to pay; empty where a person has paid
}

// An Unpaid takes a Paid back: no money has moved, and none will.
type Unpaid struct {
	Settle ID     `cbor:"1,keyasint"`
	Reason Reason `cbor:"2,keyasint"`
}

// A Sent says that a rail has brought the payment of a share to where it was asked for. Whom it is for still confirms it.
type Sent struct {
	Settle ID     `cbor:"1,keyasint"`
	Proof  []byte `cbor:"2,keyasint"`
	Cost   Amount `cbor:"3,keyasint,omitempty"` // what others took of it on the way
}

// An Earned takes in the slip of whoever owes this node's person a share.
type Earned struct {
	Slip ID     `cbor:"1,keyasint"`
	Cert []byte `cbor:"2,keyasint"` // of the device that signed it
}

// An Unsubscribe ends a subscription when what is paid has run out. Either side may say so.
type Unsubscribe struct {
	Offer ID  `cbor:"1,keyasint"` // first version
	Buyer Key `cbor:"2,keyasint"`
}

// A Dispute says what has become of a payment that its payer disputes at the rail, such as a chargeback of a card. While it is open
// the tickets are not good. Lost, its money is gone; Cost is what the rail keeps for it, either way. At the host it follows such an entry
// of the seller who took the money.
type Dispute struct {
	Receipt ID           `cbor:"1,keyasint"`
	Ref     string       `cbor:"2,keyasint"` // the rail's name of the dispute
	State   DisputeState `cbor:"3,keyasint"`
	Money   Money        `cbor:"4,keyasint"` // in dispute
	Cost    Amount       `cbor:"5,keyasint,omitempty"`
	Of      ID           `cbor:"6,keyasint,omitzero"` // at the host: the seller's entry
}

// A Surplus says that a payment brought more than its receipt is of, or that this went back: a person who pays by hand may send too much.
type Surplus struct {
	Receipt ID    `cbor:"1,keyasint"`
	Money   Money `cbor:"2,keyasint"` // beyond the receipt
	Back    bool  `cbor:"3,keyasint,omitempty"`
	Word    bool  `cbor:"4,keyasint,omitempty"` // by the word of a person, and of no rail
}

// A Freeze takes in the proof that somebody signed two different things in one place.
type Freeze struct {
	Fork Fork `cbor:"1,keyasint"`
	By   Key  `cbor:"2,keyasint"` // who signed both
	A    ID   `cbor:"3,keyasint"`
	B    ID   `cbor:"4,keyasint"`
}

// A Handed takes in a ticket that was given to this node, or says whom this node gave one to.
type Handed struct {
	Transfer ID `cbor:"1,keyasint,omitzero"` // by the old holder; zero if the host gave the ticket, or the old holder is not told
	Ticket   ID `cbor:"2,keyasint"`          // the new one
}

// What the books remember, by key (see books.go). These bytes never leave the node; they are replayed and compared.

type headState struct {
	_      struct{} `cbor:",toarray"`
	Log    ID
	Size   uint64
	Last   ID
	Time   int64
	Person Key
	Device Key
	Epoch  uint32
	Before ID
	Total  uint64
}

type offerState struct {
	_         struct{} `cbor:",toarray"`
	Entry     ID       // the newest version
	Version   uint32
	Host      Key    // person
	Payee     Key    // who takes the money for what this node sells
	To        uint32 // this node sells serials below, and those given back
	Next      uint32 // the first serial never used
	FreeHead  uint64 // serials given back wait in a queue
	FreeTail  uint64
	HoldHead  uint64 // so do seats that are held, in the order in which the holds lapse
	HoldTail  uint64
	Reserved  uint32
	Issued    uint32 // tickets that are good, sold here or reported
	Revokes   uint64 // counts up with every ticket voided
	Epoch     uint32 // log epoch in which it may be sold
	Expires   int64  // of the allotment, when the offer is somebody else's
	Allot     ID     // that allotment
	Cancelled bool
}

// versionState finds the entry of a version of an offer.
type versionState struct {
	_      struct{} `cbor:",toarray"`
	First  ID
	Record uint64
	Doc    int8 // which document of that record, if the offer is somebody else's; -1 if it is the entry
}

type holdState struct {
	_       struct{} `cbor:",toarray"`
	Buyer   Key
	Serials []uint32
	Expires int64
}

type seatState struct {
	_       struct{} `cbor:",toarray"`
	Gen     uint32   // of the newest ticket
	Ticket  ID       // zero while nobody has it
	Holder  Key
	Receipt ID  // zero for a gift
	Buyer   Key // who paid, for the limit
}

// ticketState finds the seat of a ticket.
type ticketState struct {
	_      struct{} `cbor:",toarray"`
	Offer  ID       // first version
	Serial uint32
}

type allotState struct {
	_        struct{} `cbor:",toarray"`
	Offer    ID
	Seller   Key
	Payee    Key
	From, To uint32   // To is where the seller returned the rest from, if it did
	End      uint32   // the first serial after, as it was allotted
	Free     []uint32 // below To, that the seller returned besides; ascending
}

type quoteState struct {
	_     struct{} `cbor:",toarray"`
	Offer ID       // first version; zero for tips
	Hold  uint64
	Sold  bool
	Sale  uint64 // the record of the sale
}

type receiptState struct {
	_        struct{} `cbor:",toarray"`
	Refunded Amount
	Seats    uint32 // issued for it
	Good     uint32 // of these, not revoked
}

// disputeState is of the newest dispute of a receipt.
type disputeState struct {
	_     struct{} `cbor:",toarray"`
	Ref   string
	State DisputeState
}

// stakeState is what is disputed of a receipt, and nothing while nothing is.
type stakeState struct {
	_      struct{} `cbor:",toarray"`
	Amount Amount
	Since  int64 // unix milliseconds, when a seller first told of a dispute of it; 0 if the rail is ours
}

// payState is how far the payer's side of an order is.
type payState struct {
	_        struct{} `cbor:",toarray"`
	Quote    ID
	State    Progress
	Receipt  ID
	Refunded Amount
}

// dueState is how far the shares of somebody are paid, in one currency.
type dueState struct {
	_       struct{} `cbor:",toarray"`
	Owed    Amount   // by slips
	Going   Amount   // of it, on its way
	Cleared Amount   // confirmed by whom it was owed to
}

// paidState finds the payment of a share.
type paidState struct {
	_      struct{} `cbor:",toarray"`
	Record uint64
	Back   bool // it was taken back
}

// slipState is how far the slips to somebody are, of one cut and currency.
type slipState struct {
	_      struct{} `cbor:",toarray"`
	Total  Amount
	Number uint64
}

// dividedState is what somebody got of a room's pool.
type dividedState struct {
	_     struct{} `cbor:",toarray"`
	To    Key
	Given Amount
}

type subscriptionState struct {
	_       struct{} `cbor:",toarray"`
	Through int64
	Ended   bool
}

// docState finds a document.
type docState struct {
	_      struct{} `cbor:",toarray"`
	Record uint64
	Index  uint16
}
