package node

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// besides are the tests that run beside others.
var besides sync.Map

// patient are those that wait for seconds, and in which nothing has to come in time: they run beside others even where the
// race detector makes every node slow.
var patient = []string{
	"TestHostComesBackToItsRelays", "TestLockedRoomBelowRelays", "TestManyEventsBelowRelays", "TestOfferIsTakenUpWhenTheAudienceGrows",
	"TestPlacesWait", "TestReactionsBelowRelay", "TestRelayDies", "TestRelayKeepsToItsLimits", "TestRelayWithoutPermissionCarriesNothing",
	"TestRoomBelowRelays", "TestWaitingRoomOpens", "TestWayToTheHost",
}

// beside has a test run beside others, after those that want the machine for themselves: nodes mostly wait for each other.
// It may be called again and again. A part of a test stays with its test.
func beside(t *testing.T) {
	if strings.Contains(t.Name(), "/") || raced && !slices.Contains(patient, t.Name()) {
		return
	}
	if _, already := besides.LoadOrStore(t, true); !already {
		t.Parallel()
	}
}
