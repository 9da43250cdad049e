package metrics

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"salon/node"
	"salon/relay"
)

// A collector reads the node each time it is asked. Names follow Prometheus's conventions: base units, _total for what
// only grows. What has the label room ends with the room; the room's ID tells nothing that would let somebody in.
type collector struct {
	n       *node.Node
	version string
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("salon_"+name, help, labels, nil)
}

var (
	info      = desc("info", "Always 1; the labels name the program and the device.", "version", "device")
	peers     = desc("peers", "Nodes of salon that this node is connected to.")
	rooms     = desc("rooms", "Rooms that this node is in.", "role")
	refused   = desc("refused_total", "What was refused, dropped or mended, by name.", "name")
	listeners = desc("room_listeners", "People who listen in the whole room, as this node knows.", "room")
	children  = desc("room_children", "Nodes that hear the room from this one.", "room")
	frames    = desc("relay_frames_total", "Frames of 20 ms that the room's relay handled, by what became of them.", "room", "fate")
	dropped   = desc("relay_dropped_total", "Frames, auths and requests that the room's relay dropped, by reason.", "room", "reason")
	places    = desc("place_total", "What became of the node's place in the room's tree, and of those who asked for one below it.", "room", "event")
	packets   = desc("link_packets", "Packets of the links that there are now, by what became of them.", "room", "fate")
	heard     = desc("heard_frames_total", "Frames of the program that were due at this node, by what became of them.", "room", "fate")
	buffer    = desc("heard_buffer_seconds", "How long sound waits in this node's buffer.", "room")
	told      = desc("audience_told", "Listeners of a room of this node's who have said how they heard the last minute.", "room")
	poor      = desc("audience_poor", "Of them, those who heard less than 98 % of it.", "room")
	behind    = desc("audience_delay_seconds", "Half of them are no further behind.", "room")
	relays    = desc("room_relays", "Relays that carry a room of this node's.", "room")
	signed    = desc("service_frames", "Frames that this relay has carried by the signed word of those it fed, as far as it keeps it.", "room")
	signers   = desc("service_people", "People whose signed word that is.", "room")
	delay     = desc("heard_delay_seconds", "From the host's mixer to being played here.", "room", "quantile")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		info, peers, rooms, refused, listeners, children, frames, dropped, places, packets, heard, buffer, delay, told, poor, behind, relays, signed,
		signers,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	total := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	s := c.n.Status()
	gauge(info, 1, c.version, s.Device.String())
	gauge(peers, float64(s.Peers))
	counts := c.n.Counts()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if !strings.HasPrefix(name, "relay_") && !strings.HasPrefix(name, "place_") { // these go with their rooms, as relay_dropped_total and place_total
			total(refused, counts[name], name)
		}
	}
	all := c.n.Measure()
	hosted, carried := 0, 0
	for _, m := range all {
		room := m.ID.String()
		if m.Hosted {
			hosted++
		}
		if m.Carried {
			carried++
		}
		gauge(listeners, float64(m.Listeners), room)
		gauge(children, float64(m.Children), room)
		for fate, n := range frameFates(m.Traffic.Frames) {
			total(frames, n, room, fate)
		}
		for reason, n := range m.Traffic.Frames.Drops {
			total(dropped, n, room, reason)
		}
		for event, n := range m.Traffic.Places {
			total(places, n, room, event)
		}
		p := m.Traffic.Packets
		for fate, n := range map[string]uint64{"sent": p.Sent, "received": p.Received, "dropped": p.Dropped, "malformed": p.Malformed, "duplicate": p.Duplicate} {
			gauge(packets, float64(n), room, fate) // a link that ends takes its count along
		}
		if m.Hosted {
			gauge(relays, float64(m.Relays), room)
		}
		if a := m.Audience; a != nil {
			gauge(told, float64(a.Told), room)
			gauge(poor, float64(a.Poor), room)
			gauge(behind, float64(a.DelayMS)/1000, room)
		}
		if m.Carried {
			gauge(signed, float64(m.Served.Frames), room)
			gauge(signers, float64(m.Served.People), room)
		}
		if m.Hosted || m.Carried {
			continue // it hears its own mix, or nothing
		}
		h := m.Heard
		for fate, n := range map[string]uint64{"expected": h.Expected, "received": h.Received, "resent": h.Resent, "concealed": h.Concealed, "verified": h.Verified} {
			total(heard, n, room, fate)
		}
		gauge(buffer, float64(h.BufferMS)/1000, room)
		gauge(delay, float64(h.DelayP50MS)/1000, room, "0.5")
		gauge(delay, float64(h.DelayP99MS)/1000, room, "0.99")
	}
	gauge(rooms, float64(hosted), "host")
	gauge(rooms, float64(carried), "relay")
	gauge(rooms, float64(len(all)-hosted-carried), "guest")
}

func frameFates(s relay.Stats) map[string]uint64 {
	return map[string]uint64{
		"published": s.Published, "received": s.Received, "forwarded": s.Forwarded, "asked": s.Asked,
		"recovered": s.Recovered, "lost": s.Lost, "unsigned": s.Unsigned, "resent": s.Resent,
	}
}
