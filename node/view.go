package node

import (
	"salon/ledger/doc"
	"salon/room"
)

// The shapes a person's page and shell see. Their JSON is the loopback API's; fields are added, never renamed.

// A Status is this node at a glance.
type Status struct {
	Person  doc.PublicKey `json:"person"`
	Short   string        `json:"short"`
	Device  doc.PublicKey `json:"device"`
	Name    string        `json:"name"` // "" until the person chose one
	Version string        `json:"version"`
	Peers   int           `json:"peers"`  // nodes of salon we are connected to
	Nearby  bool          `json:"nearby"` // looking on the local network
	Addrs   []string      `json:"addrs"`  // where others can reach us, with our peer ID
}

// A PersonView names somebody.
type PersonView struct {
	Person doc.PublicKey `json:"person"`
	Name   string        `json:"name"`
}

// A RoomCard is a live room in the list.
type RoomCard struct {
	ID        room.ID    `json:"id"`
	Title     string     `json:"title"`
	Mode      string     `json:"mode"`
	Language  string     `json:"language"`
	Host      PersonView `json:"host"`
	Listeners uint32     `json:"listeners"`
	Speakers  uint32     `json:"speakers"`
	Started   int64      `json:"started"` // unix ms
	Mine      bool       `json:"mine"`
	Joined    bool       `json:"joined"`
	Locked    bool       `json:"locked"`
}

// A Phase says how we stand with a room.
type Phase string

const (
	Connecting   Phase = "connecting"
	Live         Phase = "live"
	Reconnecting Phase = "reconnecting"
	Ended        Phase = "ended"
	Removed      Phase = "removed"
	Failed       Phase = "failed"
)

// Over reports whether the room will not come back by itself.
func (p Phase) Over() bool { return p == Ended || p == Removed || p == Failed }

// A RoomView is a room we are in, as its page shows it.
type RoomView struct {
	ID        room.ID     `json:"id"`
	Title     string      `json:"title"`
	Mode      string      `json:"mode"`
	Language  string      `json:"language"`
	Created   int64       `json:"created"` // unix ms
	Host      PersonView  `json:"host"`
	Link      string      `json:"link"`
	Demo      bool        `json:"demo"`
	Phase     Phase       `json:"phase"`
	Reason    string      `json:"reason,omitempty"` // for a person, when the phase is over
	Me        MeView      `json:"me"`
	Stage     []SeatView  `json:"stage"`
	Hands     []HandView  `json:"hands"`
	Listeners uint32      `json:"listeners"`
	Quality   QualityView `json:"quality"`

	HandsClosed bool         `json:"hands_closed"`
	Locked      bool         `json:"locked"`
	Removed     []PersonView `json:"removed,omitempty"` // told to the host alone, the first removed first
}

// A MeView is this person in a room.
type MeView struct {
	PersonView
	Role       string `json:"role"`
	Muted      bool   `json:"muted"`
	Hand       bool   `json:"hand"`
	Invited    bool   `json:"invited"`    // by the host, to come on stage
	Publishing bool   `json:"publishing"` // our node receives the microphone
	Playing    bool   `json:"playing"`    // somebody hears what our node plays
}

// A SeatView is a person on stage.
type SeatView struct {
	PersonView
	Role       string  `json:"role"`
	Muted      bool    `json:"muted"`
	Publishing bool    `json:"publishing"`
	Volume     float64 `json:"volume"`
}

// A ListenerView is somebody in the audience, as the host sees it.
type ListenerView struct {
	PersonView
	Hand    bool `json:"hand"`
	Invited bool `json:"invited"`
}

// A HandView is a raised hand.
type HandView struct {
	PersonView
	Since int64 `json:"since"` // unix ms
}

// A QualityView says how well we hear, in a word and in a sentence.
type QualityView struct {
	State     string  `json:"state"` // good, poor, silent, waiting
	Text      string  `json:"text"`
	BufferMS  int     `json:"buffer_ms"`
	DelayMS   int     `json:"delay_ms"`
	Concealed float64 `json:"concealed"` // share of the frames of the last seconds
}

// HearStats is what a listener counted since it joined.
type HearStats struct {
	Expected   uint64 `json:"frames_expected"`
	Received   uint64 `json:"frames_received"`
	Resent     uint64 `json:"frames_resent"`
	Concealed  uint64 `json:"frames_concealed"`
	Verified   uint64 `json:"frames_verified"`
	BufferMS   int    `json:"buffer_ms"`
	Depth      int    `json:"depth"`
	DelayP50MS int    `json:"delay_ms_p50"`
	DelayP99MS int    `json:"delay_ms_p99"`
}
