package ledger

import "slices"

// An Account is one line of a node's books. Debits are positive, credits negative, so that what a node owns and what
// it spent is above zero, and what it owes and what it earned below.
type Account string

// Asset is money on a rail: a wallet, a card account, cash.
func Asset(rail string) Account { return Account("asset:" + rail) }

// Receivable is what somebody owes this node.
func Receivable(who Key) Account { return Account("recv:" + who.String()) }

// Payable is what this node owes somebody.
func Payable(who Key) Account { return Account("payable:" + who.String()) }

// Transit is what this node has sent to somebody, who has not yet said that it arrived.
func Transit(who Key) Account { return Account("transit:" + who.String()) }

// Beyond is what somebody has paid beyond what was asked for: it goes back.
func Beyond(who Key) Account { return Account("beyond:" + who.String()) }

// Charity is what this node holds for a charity.
func Charity(who Key) Account { return Account("charity:" + who.String()) }

// Fund is what this node holds for a creator fund.
func Fund(who Key) Account { return Account("fund:" + who.String()) }

// ShareOf is what a co-host's shares have come to, until they are paid out.
func ShareOf(who Key) Account { return Account("share:" + who.String()) }

// Carried is what the shares of whoever carried rooms have come to, until they are paid out.
func Carried(who Key) Account { return Account("relay:" + who.String()) }

// Pool is what this node holds for whoever carries a room, until it is divided.
func Pool(room Room) Account { return Account("pool:" + room.String()) }

// Income and expense.
const (
	IncomeTickets       Account = "income:ticket"
	IncomeTips          Account = "income:tip"
	IncomeSubscriptions Account = "income:sub"
	IncomeShares        Account = "income:share"
	IncomeFees          Account = "income:fee" // the rail's fee, which the buyer paid on top
	ExpenseTickets      Account = "expense:ticket"
	ExpenseTips         Account = "expense:tip"
	ExpenseCharity      Account = "expense:charity"
	ExpenseSubscription Account = "expense:sub"
	ExpenseShares       Account = "expense:share"
	ExpenseRail         Account = "expense:railfee"
)

// account is where a share of a sale waits until it is paid out.
func (s Share) account(room Room) Account {
	if s.Cut == CutRelays {
		return Pool(room)
	}
	return s.Cut.Account(s.To)
}

// Account is where the shares of somebody wait to be paid out; those of relays, once the pool was divided.
func (c Cut) Account(to Key) Account {
	switch c {
	case CutRelays:
		return Carried(to)
	case CutCharity:
		return Charity(to)
	case CutFund:
		return Fund(to)
	default:
		return ShareOf(to)
	}
}

// A Posting moves an amount onto an account, or off it. Postings are derived from entries, and never stored by hand.
type Posting struct {
	Account Account
	Amount  Amount
}

// postings are those of one entry, in one currency.
type postings struct {
	cur  Currency
	list []Posting
}

// move takes an amount from one account to another. Nothing else makes postings, so they always sum to zero.
func (p *postings) move(from, to Account, a Amount) {
	if a == 0 {
		return
	}
	p.list = append(p.list, Posting{from, -a}, Posting{to, a})
}

// net puts together what goes onto an account and off it in one entry.
func (p *postings) net() {
	at := map[Account]int{}
	var list []Posting
	for _, one := range p.list {
		if i, known := at[one.Account]; known {
			list[i].Amount += one.Amount
			continue
		}
		at[one.Account] = len(list)
		list = append(list, one)
	}
	p.list = slices.DeleteFunc(list, func(one Posting) bool { return one.Amount == 0 })
}
