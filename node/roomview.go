package node

import (
	"fmt"
	"slices"
	"time"

	"salon/room"
)

// View is the room as its page shows it.
func (r *Room) View() RoomView {
	r.mu.Lock()
	defer r.mu.Unlock()
	me := r.n.author()
	v := RoomView{
		ID: r.id, Order: r.n.viewed.Add(1), Title: r.charter.Title, Mode: r.charter.Mode.String(), Language: r.charter.Language, Created: r.charter.Created,
		Host: r.names.view(r.charter.Host), Link: r.link.String(), Demo: r.demo, Phase: r.phase, Reason: r.reason,
		Me:    MeView{PersonView: PersonView{me.Person, r.n.displayName()}, Role: room.Listener.String()},
		Stage: []SeatView{}, Hands: []HandView{}, CoHosts: []PersonView{}, Listeners: r.listeners, Starts: r.charter.Starts, RecordAsks: r.charter.RecordAsks,
		Access: r.charter.Access.String(),
	}
	v.Me.Publishing, v.Me.Playing = r.voice.attached()
	v.Quality = r.voice.quality()
	v.Quality.Transport = r.transport()
	if r.guest != nil && r.phase == Reconnecting {
		v.HeldUntil = r.guest.lost.Add(holdTime(r.charter)).UnixMilli()
		v.Quality.State, v.Quality.Text = "silent", fmt.Sprintf("The way to the host was lost. Connecting again (try %d).", max(r.guest.attempt, 1))
	}
	if r.phase == Failed || r.phase == Removed {
		v.Refused = r.refused
	}
	if r.state == nil {
		return v
	}
	s := r.state
	v.HandsClosed, v.Locked, v.StageOnly, v.ChatClosed, v.Slow = s.HandsClosed, s.Locked, s.StageOnly, s.ChatClosed, int(s.Slow)
	v.Waiting, v.Recording = s.Waiting, s.Recording
	if v.Waiting && r.phase == Live && !s.OnStage(me.Person) {
		v.Quality = QualityView{State: "waiting", Text: "The room has not begun. You will hear it when the host opens the doors.", Transport: v.Quality.Transport}
	}
	v.Quality.Audience, v.Quality.Way = r.audienceView(), r.wayView()
	for _, h := range s.Charter.CoHosts {
		v.CoHosts = append(v.CoHosts, PersonView{h.Person, h.Name})
	}
	if s.Pinned.Seq != 0 {
		l := lineView(s.Pinned)
		v.Pinned = &l
	}
	if v.StickOut = s.Stick.Out; v.StickOut {
		next := r.names.view(s.Next())
		v.StickNext = &next
	}
	v.Me.Leads, v.Me.Leading = s.Leads(me.Person), r.host != nil
	if p := s.Leader().Person; p != s.Charter.Host {
		leader := r.names.view(p)
		v.Leader = &leader
	}
	if r.host != nil {
		v.Accused = r.accusedViews(time.Now())
		if list := r.standbys(); len(list) > 0 {
			p := r.names.view(list[0].author.Person)
			v.Successor = &p
		}
	}
	if v.Me.Leads {
		for _, p := range s.Removed {
			v.Removed = append(v.Removed, r.names.view(p))
		}
		for _, p := range s.Listed {
			v.Listed = append(v.Listed, r.names.view(p))
		}
	}
	for _, p := range s.Keepers {
		v.Keepers = append(v.Keepers, r.names.view(p))
	}
	v.Me.Invited = s.IsInvited(me.Person)
	v.Me.Role = s.RoleOf(me.Person).String()
	for _, seat := range s.Seats {
		if seat.Role == room.Host {
			v.Host.Name = seat.Name
		}
		muted := seat.Muted
		if seat.Device == me.Device {
			muted = seat.Muted || r.guest != nil && r.guest.consent.closed()
			v.Me.Muted, v.Me.Seated, v.Me.MaySpeak = muted, true, !r.silenced(seat)
		}
		v.Stage = append(v.Stage, SeatView{
			PersonView: PersonView{seat.Person, seat.Name}, Role: seat.Role.String(), Muted: muted, Away: seat.Away,
			Publishing: seat.Incarnation != 0, Volume: float64(r.voice.volume(seat.Person)), Stick: s.Stick.Out && s.Stick.Holder == seat.Person,
			MutedForMe: r.n.people.Mutes(seat.Person),
		})
	}
	for i, h := range s.Hands {
		if h.Person == me.Person {
			v.Me.Hand, v.Me.HandPlace = true, i+1
		}
		v.Hands = append(v.Hands, HandView{PersonView{h.Person, h.Name}, h.Since})
	}
	v.Cautions = r.cautions(&v)
	return v
}

func lineView(l room.Line) LineView {
	return LineView{Seq: l.Seq, Time: l.Time, Person: l.Person, Name: l.Name, Text: l.Text, Erased: l.Text == ""}
}

// Chat returns the lines of the chat that came or were erased after the event of a number, and the number to ask with the
// next time.
func (r *Room) Chat(after uint64) (lines []LineView, next uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines = []LineView{}
	if r.state == nil {
		return lines, after
	}
	for _, l := range r.state.Chat {
		if l.Changed > after {
			lines = append(lines, lineView(l))
		}
	}
	return slices.Clip(lines), r.state.Seq
}
