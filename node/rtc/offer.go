package rtc

import (
	"net/http"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	maxMedia      = 8  // m= sections of an offer; OBS sends two
	maxCodecs     = 64 // formats of one section
	maxCandidates = 64 // of a session, in its offer and trickled: each is tried from each of our addresses
)

// offered is a client's SDP offer that has passed every check of ours.
type offered struct {
	description *sdp.SessionDescription // without its candidates
	audio       *sdp.MediaDescription   // its only audio
	candidates  []string
	opus        string // payload type of Opus
}

// parseOffer decides whether an offer can be served, before pion and any socket hear of it.
func parseOffer(body string, kind Kind) (*offered, *Refusal) {
	malformed := refusal(http.StatusBadRequest, "malformed_sdp", "Send an SDP offer, as a browser's createOffer makes it.")
	var d sdp.SessionDescription
	if err := d.UnmarshalString(body); err != nil || body == "" { // pion takes nothing for something
		return nil, malformed
	}
	if len(d.MediaDescriptions) > maxMedia {
		return nil, refusal(http.StatusBadRequest, "too_many_media", "Offer one audio track, and nothing else.")
	}
	o := &offered{description: &d}
	audio := 0
	for _, m := range d.MediaDescriptions {
		if len(m.MediaName.Formats) > maxCodecs {
			return nil, malformed
		}
		switch m.MediaName.Media {
		case "audio":
			audio++
			o.audio, o.opus = m, opusFormat(m)
			if !wanted(m, kind) {
				return nil, refusal(http.StatusUnprocessableEntity, "wrong_direction", directionText(kind))
			}
		case "video": // answered, and rejected in the answer
		default:
			// A data channel would open SCTP, which nothing here needs.
			return nil, refusal(http.StatusUnprocessableEntity, "not_audio", "Offer audio only, without data channels.")
		}
		var kept []sdp.Attribute
		for _, a := range m.Attributes {
			switch a.Key {
			case "candidate":
				o.candidates = append(o.candidates, a.Value)
			case "end-of-candidates":
			case "sendonly", "recvonly", "sendrecv":
				// Said below, for one direction only: a sendrecv offer is answered all the same.
			default:
				kept = append(kept, a)
			}
		}
		m.Attributes = append(kept, sdp.NewPropertyAttribute(clientDirection(kind)))
	}
	switch {
	case audio != 1:
		return nil, refusal(http.StatusUnprocessableEntity, "not_one_track", "Offer exactly one audio track.")
	case o.opus == "":
		return nil, refusal(http.StatusUnprocessableEntity, "no_opus", "Offer Opus (opus/48000/2): the node carries nothing else.")
	case len(o.candidates) > maxCandidates:
		return nil, refusal(http.StatusBadRequest, "too_many_candidates", "Offer at most 64 candidates.")
	}
	return o, nil
}

// attribute is what the offer says of its audio, or of the whole.
func (o *offered) attribute(key string) string {
	if v, ok := o.audio.Attribute(key); ok {
		return v
	}
	v, _ := o.description.Attribute(key)
	return v
}

// opusFormat is the payload type of Opus in m, "" if there is none.
func opusFormat(m *sdp.MediaDescription) string {
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" {
			continue
		}
		if pt, codec, ok := strings.Cut(a.Value, " "); ok && strings.EqualFold(strings.TrimSpace(codec), "opus/48000/2") {
			return pt
		}
	}
	return ""
}

// wanted tells whether m's direction leaves room for what kind does.
func wanted(m *sdp.MediaDescription, kind Kind) bool {
	for _, a := range m.Attributes {
		switch a.Key {
		case "inactive":
			return false
		case "sendonly":
			return kind == Publish
		case "recvonly":
			return kind == Play
		}
	}
	return true // sendrecv, said or not
}

// clientDirection is what the client does in a session of this kind.
func clientDirection(kind Kind) string {
	if kind == Publish {
		return "sendonly"
	}
	return "recvonly"
}

func directionText(kind Kind) string {
	if kind == Publish {
		return "Offer to send: make the audio sendonly."
	}
	return "Offer to receive: make the audio recvonly."
}
