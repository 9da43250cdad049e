package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"salon/node"
)

// forkText warns of a seller who was caught.
func forkText(f *node.ForkView) string {
	how := map[string]string{
		"checkpoints": "two different books of the same length",
		"growth":      "books that leave out or change what others had seen in them",
		"logs":        "two books that begin in the same place",
	}[f.How]
	return fmt.Sprintf("WARNING: the device %s of %s has signed %s. That is proven: what it sells may be sold twice, and its receipts\n"+
		"may be missing from the books that it shows to others. It may be an old copy of a disk, or fraud.", f.Device, f.Person, how)
}

// printNetwork prints who saw what of somebody's books.
func printNetwork(out io.Writer, v *node.NetworkView) error {
	if v == nil {
		_, err := fmt.Fprintln(out, "Nobody was asked: no node runs in this home. With one, others are asked what they have seen.")
		return err
	}
	if len(v.Seen) == 0 {
		fmt.Fprintln(out, "None of those who were asked has seen any books of this person.")
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for i, s := range v.Seen {
		if i == 0 {
			fmt.Fprintln(w, "BOOKS OF\tEPOCH\tENTRIES\tSEEN BY\tWHEN\t")
		}
		who := s.Name
		switch {
		case s.Verdict == "shown":
			who = "(shown by itself)"
		case who == "":
			who = s.By.Short()
		default:
			who += " " + s.By.Short()
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\n", s.Device.Short(), s.Epoch, s.Size, who, time.UnixMilli(s.Time).Format("2006-01-02 15:04"), verdictTexts[s.Verdict])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range v.Failed {
		what := "Node"
		if f.Owner {
			what = "Their device"
		}
		fmt.Fprintf(out, "%s %s gave no answer: %s\n", what, f.Device.Short(), f.Problem)
	}
	proven := 0
	for _, r := range v.Receipts {
		if r.Proven {
			proven++
			continue
		}
		fmt.Fprintf(out, "Receipt %s is not proven to be in the books of device %s: %s\n", r.Receipt[:10], r.Seller.Short(), r.Problem)
	}
	if proven > 0 {
		fmt.Fprintf(out, "%d of your receipts are proven to be in their books.\n", proven)
	}
	for _, f := range v.Forks {
		fmt.Fprintln(out, forkText(&f))
	}
	return nil
}

var verdictTexts = map[string]string{
	"shown": "", "agrees": "the same books", "apart": "not compared: that device did not show its books",
	"cut":    "not compared: that device could not be reached any more; ask again",
	"hidden": "NOT PROVEN to be the books that the device shows", "forked": "OTHER BOOKS than the device shows",
}
