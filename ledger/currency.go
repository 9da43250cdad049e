package ledger

import (
	"fmt"
	"strings"
)

// A Currency is an ISO 4217 code, or Bitcoin.
type Currency string

// Bitcoin is counted in millisatoshi, as Lightning does.
const Bitcoin Currency = "BTC"

// exponents holds how many decimals each currency has: ISO 4217 of 2025 without its funds, metals and test codes.
var exponents = readExponents(map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
	2: `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP
	     CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES
	     KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK
	     NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
	     TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`,
	3:  "BHD IQD JOD KWD LYD OMR TND",
	11: string(Bitcoin),
})

func readExponents(byExponent map[int]string) map[Currency]int {
	all := map[Currency]int{}
	for exponent, codes := range byExponent {
		for code := range strings.FieldsSeq(codes) {
			all[Currency(code)] = exponent
		}
	}
	return all
}

// Exponent returns how many decimals the currency has, and whether it is known at all.
func (c Currency) Exponent() (int, bool) {
	e, known := exponents[c]
	return e, known
}

func (c Currency) check() error {
	if _, known := exponents[c]; !known {
		return fmt.Errorf("%w: %q", ErrCurrency, string(c))
	}
	return nil
}
