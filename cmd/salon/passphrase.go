package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// readPassphrase reads the first line of a file, or asks for it at a terminal: twice if a slip would lock it away for ever.
// It is no argument, which everybody on the machine could see.
func readPassphrase(cmd *cobra.Command, path string, twice bool) (string, error) {
	switch path {
	case "":
		if tty, ok := cmd.InOrStdin().(*os.File); ok {
			if word, err := askPassphrase(cmd.Context(), tty, cmd.ErrOrStderr(), twice); !errors.Is(err, errNoTerminal) {
				return word, err
			}
		}
		return "", usagef("say where the passphrase is: --passphrase-file FILE, or - for standard input")
	case "-":
		return firstLine(cmd.InOrStdin())
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return firstLine(file)
}

func firstLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// errNoTerminal means that nobody can be asked.
var errNoTerminal = errors.New("no terminal")

// askPassphrase asks at a terminal, which does not show what is typed. Ctrl-C leaves it as it was.
func askPassphrase(ctx context.Context, tty *os.File, out io.Writer, twice bool) (string, error) {
	restore, err := silence(tty)
	if err != nil {
		return "", err
	}
	defer restore()
	word, err := ask(ctx, tty, out, "Passphrase: ")
	if err != nil || !twice {
		return word, err
	}
	again, err := ask(ctx, tty, out, "Once more: ")
	if err == nil && again != word {
		err = errors.New("the two are not the same; nothing was done")
	}
	return word, err
}

// ask reads a line. Who ends the command meanwhile waits for no Enter; the reader ends with the process.
func ask(ctx context.Context, tty io.Reader, out io.Writer, question string) (string, error) {
	fmt.Fprint(out, question)
	defer fmt.Fprintln(out)
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := firstLine(tty)
		typed <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case l := <-typed:
		return l.text, l.err
	}
}
