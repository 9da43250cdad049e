package main

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/client"
	"salon/room"
)

// completeWithin is how long the running node may take to answer: somebody has pressed Tab and looks at the cursor.
const completeWithin = 500 * time.Millisecond

// soundFiles are the endings of files that can be played and recorded.
var soundFiles = []string{"wav", "ogg", "opus"}

// addCompletion gives root cobra's command that prints a shell's script, and says what completes where nothing else does:
// nothing, rather than the names of files.
func addCompletion(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Short = "Print a script that makes a shell complete commands, rooms and people"
		cmd.Args = func(_ *cobra.Command, args []string) error { // cobra would print its help to who sources it
			return usagef("completion wants a shell: bash, zsh, fish or powershell; 'salon completion bash --help' says what to do with it")
		}
		cmd.RunE = func(*cobra.Command, []string) error { return nil } // Args always refuses
		for _, shell := range cmd.Commands() {
			shell.Args = noArgs
		}
	}
}

// completesTo says what a flag of cmd can be: these words, or with a directive about files, files with these endings.
func completesTo(cmd *cobra.Command, flag string, d cobra.ShellCompDirective, words ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, d)); err != nil {
		panic(err) // there is no such flag
	}
}

// A completer lists what an argument can be, each with what describes it.
type completer = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// asking completes with what the running node of the home answers; with nothing if none runs, or none answers in time.
func (f *flags) asking(what func(ctx context.Context, c *client.Client, args []string, typed string) []cobra.Completion) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		c, err := client.Running(ctx, f.homeDir())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return what(ctx, c, args, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeLive completes a ROOM that is live.
func (f *flags) completeLive() completer {
	return f.asking(func(ctx context.Context, c *client.Client, args []string, typed string) []cobra.Completion {
		if len(args) > 0 {
			return nil
		}
		rooms, _ := c.Rooms(ctx) // an error is no rooms
		return completions(typed, rooms, func(r node.RoomCard) (string, string) { return r.ID.String(), r.Title })
	})
}

// completeJoined completes a ROOM that the node is in and, if the action takes one, a PERSON of that room, or a reaction.
func (f *flags) completeJoined(a roomAction) completer {
	return f.asking(func(ctx context.Context, c *client.Client, args []string, typed string) []cobra.Completion {
		rooms, _ := c.JoinedRooms(ctx) // an error is no rooms
		switch {
		case len(args) == 0:
			return completions(typed, rooms, roomNames)
		case len(args) == 1 && a.then == "EMOJI":
			return room.Emoji
		case len(args) > 1 || a.about == "":
			return nil
		}
		v, err := choose("room", args[0], rooms, roomNames)
		if err != nil {
			return nil
		}
		people, _ := a.people(ctx, c, v) // an error is nobody
		return completions(typed, people, personNames)
	})
}

// completePeople completes a PERSON of one's own list and, unless only those can be meant, of whoever the node knows.
func (f *flags) completePeople(listed bool) completer {
	return f.asking(func(ctx context.Context, c *client.Client, args []string, typed string) []cobra.Completion {
		if len(args) > 0 {
			return nil
		}
		l := &peopleList{client: c}
		marks, _ := l.all(ctx) // an error is nobody
		var people []node.PersonView
		for _, m := range marks {
			people = append(people, m.PersonView)
		}
		if !listed {
			people, _ = l.others(ctx, people)
		}
		return completions(typed, people, personNames)
	})
}

// completions are the ways to go on with what is typed: the beginning of an ID, as lists show it, and the first word of a
// name, if that was begun and no other name begins so. A whole name is described and never offered: strangers choose
// names, and what a shell has completed it may expand.
func completions[T any](typed string, among []T, names func(T) (id, name string)) (found []cobra.Completion) {
	for _, x := range among {
		id, name := names(x)
		if id = id[:10]; strings.HasPrefix(id, typed) {
			found = append(found, cobra.CompletionWithDesc(id, name))
		}
		word, n := firstWord(name), len(typed)
		if n == 0 || n > len(word) || !strings.EqualFold(word[:n], typed) {
			continue
		}
		alike := 0
		for _, y := range among {
			if _, other := names(y); strings.HasPrefix(strings.ToLower(other), strings.ToLower(word)) {
				alike++
			}
		}
		if alike == 1 {
			// A shell drops what does not begin as it was typed, capitals and all.
			found = append(found, cobra.CompletionWithDesc(typed+word[n:], name))
		}
	}
	return found
}

// firstWord is the beginning of a name that means nothing to a shell.
func firstWord(name string) string {
	end := strings.IndexFunc(name, func(r rune) bool { return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Digit) })
	if end < 0 {
		return name
	}
	return name[:end]
}
