//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is the two ends of one: what a person sees and types, and what a program has.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	t.Cleanup(func() { person.Close() })
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(tty.Fd()), getTermios)
	if err != nil {
		t.Fatal(err)
	}
	return s.Lflag&unix.ECHO != 0
}

// A passphrase that is typed is not shown, is asked for twice where a slip would cost everything, and afterwards the
// terminal is as it was.
func TestPassphraseIsAskedFor(t *testing.T) {
	for _, row := range []struct {
		name, types string
		twice       bool
		want, says  string
	}{
		{"once", "one two three four\n", false, "one two three four", ""},
		{"twice", "one two three four\none two three four\n", true, "one two three four", ""},
		{"with a slip", "one two three four\none two three for\n", true, "", "not the same"},
	} {
		t.Run(row.name, func(t *testing.T) {
			person, program := terminal(t)
			// Each line is typed when it is asked for: a terminal gives no more than one at a time.
			asked := &typist{t: t, tty: program, person: person, lines: strings.SplitAfter(row.types, "\n")}
			word, err := askPassphrase(t.Context(), program, asked, row.twice)
			if row.says == "" && (err != nil || word != row.want) || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
				t.Errorf("%q, %v", word, err)
			}
			if !echoes(t, program) {
				t.Error("the terminal stays silent")
			}
			fmt.Fprintln(program, "end")
			for in := bufio.NewScanner(person); in.Scan() && in.Text() != "end"; {
				if strings.Contains(in.Text(), "two") {
					t.Errorf("it showed %q", in.Text())
				}
			}
		})
	}
}

// A typist types the next line at each question, once the terminal is silent.
type typist struct {
	t           *testing.T
	tty, person *os.File
	lines       []string
}

func (y *typist) Write(b []byte) (int, error) {
	if bytes.HasSuffix(b, []byte(": ")) {
		if echoes(y.t, y.tty) {
			y.t.Error("it asks before the terminal is silent")
		}
		if _, err := y.person.WriteString(y.lines[0]); err != nil {
			y.t.Error(err)
		}
		y.lines = y.lines[1:]
	}
	return len(b), nil
}

// Ctrl-C while it is asked waits for no Enter, and leaves the terminal as it was.
func TestPassphraseIsNotAwaitedForEver(t *testing.T) {
	person, program := terminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if word, err := askPassphrase(ctx, program, new(bytes.Buffer), false); !errors.Is(err, context.Canceled) || word != "" {
		t.Errorf("%q, %v", word, err)
	}
	if !echoes(t, program) {
		t.Error("the terminal stays silent")
	}
	if _, err := person.WriteString("\n"); err != nil { // its reader is done
		t.Error(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := askPassphrase(t.Context(), file, new(bytes.Buffer), false); !errors.Is(err, errNoTerminal) {
		t.Errorf("a file that is no terminal: %v", err)
	}
}
