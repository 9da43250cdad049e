package relay

import "testing"

func TestWhatWeSayGoesAlongOurLaneToo(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	tree.join("ann", AllSlots, Slots(1))
	if err := tree.SetLane("bo", tree.now); err != nil {
		t.Fatal(err)
	}
	want(t, "children", tree.Children(), 1)
	tree.publish(2, 1, 3)
	tree.feed("ann", 1, 7)
	tree.feed("host", Program, 9)
	want(t, "to bo", tree.numbers("bo", 2), []uint64{1, 2, 3})
	want(t, "to the parent", tree.numbers("host", 2), []uint64{1, 2, 3})
	want(t, "what others say, to bo", len(tree.numbers("bo", 1))+len(tree.numbers("bo", Program)), 0)
	tree.Receive("bo", &Packet{Resends: []Range{{Slot: 2, From: 2, To: 2}, {Slot: 1, From: 7, To: 7}}}, tree.now)
	want(t, "bo asks again", tree.numbers("bo", 2), []uint64{1, 2, 3, 2})
	want(t, "for what is ours alone", tree.Stats().Drops["not_subscribed"], 1)
	tree.feed("bo", 2, 9)
	tree.feed("bo", 3, 9)
	want(t, "bo says nothing", len(tree.heard), 2)

	if err := tree.SetLane("ann", tree.now); err != ErrPeer {
		t.Errorf("a lane to a child: %v", err)
	}
	want(t, "which ends the one there was", tree.lane, nil)
}

func TestWhatASpeakerSaysByALaneDoesNotGoUp(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	tree.join("ann", AllSlots, 0)
	if err := tree.AddSpeaker("cy", tree.now); err != nil {
		t.Fatal(err)
	}
	tree.feed("cy", 1, 5)
	want(t, "without the right to", len(tree.heard), 0)
	if err := tree.Allow("cy", Slots(1), tree.now); err != nil {
		t.Fatal(err)
	}
	tree.feed("cy", 1, 6, 7)
	tree.feed("host", 1, 6, 7, 8)
	tree.feed("cy", 1, 8, 9)
	want(t, "delivered, once", len(tree.heard), 4)
	want(t, "up", tree.numbers("host", 1), nil)
	want(t, "down", tree.numbers("ann", 1), []uint64{6, 7, 8, 9})
	want(t, "to cy", tree.numbers("cy", 1), nil)
	tree.feed("cy", 1, 12)
	tree.advance(askAfter)
	tree.sent = nil
	tree.Tick(tree.now)
	asked := 0
	for _, s := range tree.sent {
		if len(s.p.Resends) > 0 {
			want(t, "what is missing is asked of", s.to, Peer("cy"))
			asked++
		}
	}
	want(t, "asked", asked, 1)
	tree.sent = nil
	tree.advance(tree.opt.Ring / 2)
	tree.Tick(tree.now)
	for _, s := range tree.sent {
		if s.to == "host" && len(s.p.Beacons) > 0 {
			t.Error("the host is told of what cy says")
		}
	}
}

func TestAtTheEndOfALaneANeighbourMayBegin(t *testing.T) {
	tree := newTestTree(Options{Fanout: 1})
	tree.AddSpeaker("cy", tree.now)
	tree.AddSpeaker("dan", tree.now)
	want(t, "speakers", []bool{tree.IsSpeaker("cy"), tree.IsSpeaker("ann")}, []bool{true, false})
	want(t, "subscribes", tree.Subscribe("cy", AllSlots, tree.now), ErrPeer)
	tree.RemoveChild("cy")
	tree.join("cy", AllSlots, Slots(1))
	want(t, "children", []any{tree.Children(), tree.IsSpeaker("cy")}, []any{1, false})
	tree.RemoveSpeaker("cy")
	want(t, "a child stays", tree.Children(), 1)
	want(t, "a second", tree.AddChild("dan", tree.now), ErrFull)
	want(t, "but warm", tree.AddWarm("dan", AllSlots, tree.now), nil)
	want(t, "children", []any{tree.Children(), tree.IsSpeaker("dan")}, []any{1, false})

	tree.SetLane("bo", tree.now)
	tree.SetParent("bo", tree.now)
	tree.publish(2, 1, 2)
	want(t, "once to the parent", tree.numbers("bo", 2), []uint64{1, 2})
	want(t, "children", tree.Children(), 1)
	tree.SetLane("", tree.now)
	tree.publish(2, 3, 3)
	want(t, "whom that leaves alone", tree.numbers("bo", 2), []uint64{1, 2, 3})
}
