package node

import (
	"salon/ledger/doc"
	"salon/room"
)

// The shapes a person's page and shell see. Their JSON is the loopback API's; fields are added, never renamed.

// A Status is this node at a glance.
type Status struct {
	Order   uint64        `json:"order"` // as a RoomView's
	Person  doc.PublicKey `json:"person"`
	Short   string        `json:"short"`
	Device  doc.PublicKey `json:"device"`
	Name    string        `json:"name"` // "" until the person chose one
	Version string        `json:"version"`
	Peers   int           `json:"peers"`             // nodes of salon we are connected to
	Nearby  bool          `json:"nearby"`            // looking on the local network
	Addrs   []string      `json:"addrs"`             // where others can reach us, with our peer ID
	Guests  string        `json:"guests,omitempty"`  // where people with only a browser are served, /r/ROOM is to follow; empty if nowhere
	Notices []string      `json:"notices,omitempty"` // what a person should know of the start of the node

	Volunteer VolunteerView `json:"volunteer"`
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
	StageOnly bool       `json:"stage_only"`
	Starts    int64      `json:"starts"` // unix ms, while the doors are not open yet; else 0
	Access    string     `json:"access"` // who may come in: open, invite, ticket or subscribers
	Price     string     `json:"price"`  // of a ticket, as announced, such as "5.00 EUR"; "" if the room is free, or is not announced by its host

	Caution *CautionView `json:"caution,omitempty"` // of the host's name
}

// A PreviewView is a room before one joins it.
type PreviewView struct {
	ID         room.ID    `json:"id"`
	Title      string     `json:"title"`
	Host       PersonView `json:"host"`
	Mode       string     `json:"mode"`
	Language   string     `json:"language"`
	Listeners  uint32     `json:"listeners"`
	Speakers   uint32     `json:"speakers"`
	Locked     bool       `json:"locked"`
	StageOnly  bool       `json:"stage_only"`
	Waiting    bool       `json:"waiting"`
	Starts     int64      `json:"starts"`      // unix ms of a scheduled start, else 0
	RecordAsks bool       `json:"record_asks"` // recording only while the host says that the room is recorded
	Access     string     `json:"access"`      // who may come in: open, invite, ticket or subscribers
	Invited    bool       `json:"invited"`     // what this node has for it, its link, a pass or a ticket, lets one in, as far as it knows
	Captions   string     `json:"captions"`    // languages; "" for none
	Price      string     `json:"price"`       // "" for free
	Joined     bool       `json:"joined"`      // this node is in it

	Caution *CautionView `json:"caution,omitempty"` // of the host's name
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
	Order     uint64      `json:"order"` // of two views the one with the higher order was taken later, whichever arrives first
	Title     string      `json:"title"`
	Mode      string      `json:"mode"`
	Language  string      `json:"language"`
	Created   int64       `json:"created"` // unix ms
	Host      PersonView  `json:"host"`
	Link      string      `json:"link"`
	Demo      bool        `json:"demo"`
	Phase     Phase       `json:"phase"`
	Reason    string      `json:"reason,omitempty"`     // for a person, when the phase is over
	Refused   string      `json:"refused,omitempty"`    // when it is failed or removed: the code with which one was not let in, if so
	HeldUntil int64       `json:"held_until,omitempty"` // while reconnecting: how long the room keeps our place, unix ms
	Me        MeView      `json:"me"`
	Stage     []SeatView  `json:"stage"`
	Hands     []HandView  `json:"hands"`
	Listeners uint32      `json:"listeners"`
	Quality   QualityView `json:"quality"`

	HandsClosed bool         `json:"hands_closed"`
	Locked      bool         `json:"locked"`
	Removed     []PersonView `json:"removed,omitempty"` // told to host and co-hosts alone, the first removed first
	CoHosts     []PersonView `json:"co_hosts"`          // in order of succession
	StageOnly   bool         `json:"stage_only"`        // everybody may come on stage
	StickOut    bool         `json:"stick_out"`         // a talking stick is in use
	StickNext   *PersonView  `json:"stick_next,omitempty"`
	ChatClosed  bool         `json:"chat_closed"`
	Slow        int          `json:"slow"` // seconds between two lines of one person; 0 for no wait
	Pinned      *LineView    `json:"pinned,omitempty"`
	Waiting     bool         `json:"waiting"`           // the doors are not open yet
	Starts      int64        `json:"starts"`            // unix ms of a scheduled start, else 0
	Recording   bool         `json:"recording"`         // the host says that the room is recorded
	RecordAsks  bool         `json:"record_asks"`       // recording only while it does
	Access      string       `json:"access"`            // who may come in: open, invite, ticket or subscribers
	Listed      []PersonView `json:"listed,omitempty"`  // the guest list, told to host and co-hosts alone
	Keepers     []PersonView `json:"keepers,omitempty"` // who hand out a closed room's key while nobody leads

	Leader    *PersonView `json:"leader,omitempty"`    // who leads the room while the host does not
	Successor *PersonView `json:"successor,omitempty"` // who leads it on if who does now is gone, and is there; told where it is led

	Accused []AccusedView `json:"accused,omitempty"` // relays, the latest first; told where the room is led

	Cautions []CautionView `json:"cautions,omitempty"` // of names in this view, and in the chat
}

// A LineView is a line of the chat.
type LineView struct {
	Seq    uint64        `json:"seq"`  // names the line, and orders it
	Time   int64         `json:"time"` // unix ms
	Person doc.PublicKey `json:"person"`
	Name   string        `json:"name"`
	Text   string        `json:"text"` // "" once erased
	Erased bool          `json:"erased"`
}

// A MeView is this person in a room.
type MeView struct {
	PersonView
	Role       string `json:"role"`
	Seated     bool   `json:"seated"`    // on stage
	Leads      bool   `json:"leads"`     // host or co-host
	Leading    bool   `json:"leading"`   // the room is led at this node
	MaySpeak   bool   `json:"may_speak"` // seated, not muted, and with the talking stick if one is out
	Muted      bool   `json:"muted"`
	Hand       bool   `json:"hand"`
	HandPlace  int    `json:"hand_place"` // in the queue, 1 is next; 0 without a hand up
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
	Volume     float64 `json:"volume"` // where the slider stands
	Stick      bool    `json:"stick"`  // holds the talking stick
	Away       bool    `json:"away"`   // the connection is lost, the seat waits

	// MutedForMe: this person's own list mutes or blocks them. They are then not heard while this person is on stage too,
	// where this node mixes what is heard. In the audience one mix comes from the host, and they are in it all the same.
	MutedForMe bool `json:"muted_for_me"`
}

// A FaceView is somebody in the list of everybody in the room.
type FaceView struct {
	PersonView
	Role    string `json:"role"`
	Seated  bool   `json:"seated"`
	Hand    bool   `json:"hand"`
	Invited bool   `json:"invited"`

	Caution *CautionView `json:"caution,omitempty"`
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
	Transport string  `json:"transport"` // udp, stream; "" in a room of ours, and while there is no connection

	Audience *AudienceView `json:"audience,omitempty"` // in a room of ours: how the others hear it
	Way      []HopView     `json:"way,omitempty"`      // in somebody else's: by whom we are fed, the host last
}

// HearStats is what a listener counted since it joined.
type HearStats struct {
	Expected   uint64 `json:"frames_expected"`
	Received   uint64 `json:"frames_received"`
	Resent     uint64 `json:"frames_resent"`
	Concealed  uint64 `json:"frames_concealed"`
	Verified   uint64 `json:"frames_verified"`
	BufferMS   int    `json:"buffer_ms"`
	Depth      int    `json:"depth"` // hops from the host, now or last
	DelayP50MS int    `json:"delay_ms_p50"`
	DelayP99MS int    `json:"delay_ms_p99"`
	Parent     string `json:"parent"`  // peer ID of the node that feeds this one; "" if none does
	Warm       string `json:"warm"`    // likewise of the one that would if that failed
	Stalls     uint64 `json:"stalls"`  // times that the sound stopped
	Resumes    uint64 `json:"resumes"` // moves to another parent because the one there failed
	Moves      uint64 `json:"moves"`   // moves while all was well
}
