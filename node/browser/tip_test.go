package browser

import (
	"testing"

	"salon/node/client"
)

// A tip from the menu of a person: both see it once its receipt has been checked, and the giver is told what it means.
func TestTipInThePage(t *testing.T) {
	silence := microphone(t, make([]float32, rate))
	ana, bo := meet(t, silence, silence)
	ana.startsRoom("Busking", "talk")
	if _, err := client.New(ana.node.Origin(), ana.node.Key()).SetCredit(t.Context(), "", "20 EUR"); err != nil {
		t.Fatal(err)
	}
	bo.clicks("listen")
	bo.clicks(`seat[data-role="host"]`)
	bo.clicks("tip-person")
	bo.types("tip-amount", "2 EUR")
	bo.types("tip-note", "Encore!")
	bo.clicks("tip-give")
	for _, p := range []*person{ana, bo} {
		p.until("see the tip", `/Bo.*Ana.*2\sEUR.*Encore!/s.test(document.querySelector('[data-test="tip-banner"]')?.innerText ?? "")`)
	}
	bo.until("be told what it means", `/owe .*Ana.* 2.EUR/.test(document.querySelector('[data-test="notice"]')?.innerText ?? "")`)
}
