package node

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// prompt are tests in which something has to come in time, or that weigh the whole process: they want the machine for themselves.
var prompt = []string{
	"TestNobodyHearsAnIntruder", "TestNothingLeavesBeforeItIsKept", "TestOnePersonFloods", "TestRoomIsFoundHeardAndSpokenIn", "TestRubbish", "TestSoundGoesOverUDP",
	"TestSoundSurvivesRebinding", "TestSoundWithoutUDP", "TestSpeakerComesBack", "TestStalledConnectionIsReplaced", "TestStalledStageIsReplaced",
	"TestStalledStreamIsReplaced",
}

// besides are the tests that run beside others.
var besides sync.Map

// beside has a test run beside others, after those that want the machine for themselves: nodes mostly wait for each other.
// It may be called again and again. A part of a test stays with its test.
func beside(t *testing.T) {
	name := t.Name()
	if strings.Contains(name, "/") || slices.Contains(prompt, name) {
		return
	}
	if _, already := besides.LoadOrStore(t, true); !already {
		t.Parallel()
	}
}
