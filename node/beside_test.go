package node

import (
	"strings"
	"sync"
	"testing"
)

// besides are the tests that run beside others.
var besides sync.Map

// beside has a test run beside others, after those that want the machine for themselves: nodes mostly wait for each other.
// It may be called again and again. A part of a test stays with its test: one whose parts start
// nodes calls it itself, before them.
func beside(t *testing.T) {
	name := t.Name()
	switch {
	case strings.Contains(name, "/"):
		return
	case name == "TestOnePersonFloods", name == "TestHostileCommands": // one weighs the whole process, the other takes most of two processors
		return
	}
	if _, already := besides.LoadOrStore(t, true); !already {
		t.Parallel()
	}
}

// computes has a test run beside others that starts nothing, and so has nothing that the race detector could find: with it, it would
// take ten times as long, and skips. The Makefile's UNRACED runs it without.
func computes(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("only computes: make test-unraced runs it")
	}
	t.Parallel()
}

// TestPrompt runs tests in which something has to come in time. They want a machine that has little else to do: so many of them at
// once, before all others.
func TestPrompt(t *testing.T) {
	places := make(chan struct{}, 4)
	for _, one := range []struct {
		name string
		test func(*testing.T)
	}{
		{"Rubbish", testRubbish},
		{"NobodyHearsAnIntruder", testNobodyHearsAnIntruder},
		{"RoomIsFoundHeardAndSpokenIn", testRoomIsFoundHeardAndSpokenIn},
		{"SpeakerComesBack", testSpeakerComesBack},
		{"StalledConnectionIsReplaced", testStalledConnectionIsReplaced},
		{"StalledStageIsReplaced", testStalledStageIsReplaced},
		{"StalledStreamIsReplaced", testStalledStreamIsReplaced},
		{"SoundGoesOverUDP", testSoundGoesOverUDP},
		{"SoundWithoutUDP", testSoundWithoutUDP},
		{"SoundSurvivesRebinding", testSoundSurvivesRebinding},
		{"NothingLeavesBeforeItIsKept", testNothingLeavesBeforeItIsKept},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			places <- struct{}{}
			t.Cleanup(func() { <-places }) // once its nodes are closed
			one.test(t)
		})
	}
}
