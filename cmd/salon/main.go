// Command salon is social audio without a company in the middle: it finds rooms, hosts them, listens and speaks.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/client"
)

// version is set by the build.
var version = "dev"

// Exit codes: 0 done, 1 failure, 2 wrong usage.
const (
	exitFailure = 1
	exitUsage   = 2
)

// A usageError is a command line that cannot be meant.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	collectBySize()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "salon: "+err.Error())
	if isUsage(err) {
		fmt.Fprintln(os.Stderr, "Run 'salon --help' for the commands and their flags.")
		os.Exit(exitUsage)
	}
	os.Exit(exitFailure)
}

// isUsage reports whether only the command line can have caused an error, also if the node was the one to notice.
func isUsage(err error) bool {
	var usage usageError
	var api *client.Error
	return errors.As(err, &usage) || errors.Is(err, node.ErrOption) || errors.As(err, &api) && strings.HasPrefix(api.Code, "bad_")
}

// flags are what goes with every command.
type flags struct {
	home     string
	name     string
	peers    []string
	noMDNS   bool
	listen   []string
	announce []string
	relays   []string
	children int
	lends    volunteerFlag
	noLend   bool
	verbose  bool
	log      logFormat
}

func newCommand() *cobra.Command {
	f := &flags{}
	up := upCommand(f)
	root := &cobra.Command{
		Use:           "salon",
		Short:         "Social audio without a company in the middle",
		Long:          "salon finds live rooms, hosts them, listens and speaks, from this computer to others, with no server between.\nWithout a command it does what 'salon up' does: start the node and open its page.",
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          up.RunE,
	}
	root.Flags().AddFlagSet(up.Flags())
	p := root.PersistentFlags()
	p.StringVar(&f.home, "home", "", "folder of keys, name and peers (default "+node.DefaultHome()+")")
	p.StringVar(&f.name, "name", "", "your display name, stored for next time")
	p.StringArrayVar(&f.peers, "peer", nil, "another node's multiaddr or a share link, dialled at start; repeatable")
	p.BoolVar(&f.noMDNS, "no-mdns", false, "do not look for nodes on the local network")
	p.StringArrayVar(&f.listen, "listen", nil, "multiaddr to listen on; repeatable (default port 4773, QUIC and TCP, all addresses)")
	p.StringArrayVar(&f.announce, "announce", nil, "multiaddr to tell others instead of those listened on; repeatable")
	p.StringArrayVar(&f.relays, "relay", nil, "address of a relay that is to carry the rooms you host; repeatable")
	p.IntVar(&f.children, "max-children", 0, "nodes fed by this one in a room, relays among them; beyond, relays feed them (default 200)")
	p.Var(&f.lends, "volunteer", "pass the rooms you hear on to others, who learn your address, with so many kbit/s of upload at most, or off; stored for next time (default off)")
	p.Lookup("volunteer").NoOptDefVal = "on"
	p.BoolVar(&f.noLend, "no-volunteers", false, "let no listener pass on the rooms you host")
	p.BoolVar(&f.verbose, "verbose", false, "log to standard error, in full detail")
	p.Var(&f.log, "log", "log to standard error what the node does: text, or json with an object a line")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(up, idCommand(f), versionCommand(), roomsCommand(f), roomCommand(f), peopleCommand(f), ledgerCommand(f), keysCommand(f), hostCommand(f), cohostCommand(f), ticketCommand(f), tipCommand(f), subscribeCommand(f), subscriptionCommand(f), listenCommand(f), speakCommand(f), relayCommand(f), demoCommand(f), simCommand(), openCommand(f))
	completesTo(root, "home", cobra.ShellCompDirectiveFilterDirs)
	completesTo(root, "volunteer", cobra.ShellCompDirectiveNoFileComp, "on", "off")
	completesTo(root, "log", cobra.ShellCompDirectiveNoFileComp, "text", "json")
	root.AddCommand(benchCommand(), crowdCommand())
	addCompletion(root)
	return root
}

// noArgs and oneArg refuse as wrong usage what cobra would call failure.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasParent():
		return usagef("%s wants nothing but flags, not %q", cmd.Name(), args[0])
	}
	return usagef("there is no command %q", args[0])
}

func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s wants one %s, not %d", cmd.Name(), what, len(args))
		}
		return nil
	}
}

// A span is a flag: a length of time.
type span time.Duration

func (s *span) Set(v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return errors.New("it is a length of time such as 90s or 1h30m")
	}
	*s = span(d)
	return nil
}

// String is empty for no time, which the help then does not show as a default.
func (s *span) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

// Type is what the help shows.
func (s *span) Type() string { return "duration" }

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"version": version})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "salon "+version)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an object with version")
	return cmd
}
