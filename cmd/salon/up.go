package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"salon/ledger/doc"
	"salon/node"
	"salon/node/client"
	"salon/node/web"
)

func upCommand(f *flags) *cobra.Command {
	var addr string
	var noOpen bool
	var metrics metricsFlag
	var guests guestsFlags
	cmd := &cobra.Command{
		Use: "up", Short: "Start the node and open its page (the default)", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			n, err := node.New(f.options())
			if errors.Is(err, node.ErrInUse) {
				return fmt.Errorf("salon runs already on %s; 'salon open' shows its page, or use another --home to be another person", f.homeDir())
			}
			if err != nil {
				return err
			}
			again := n.Resume(nil)
			door, guestsURL, err := guests.serve(out, n)
			if err != nil {
				return errors.Join(err, n.Close())
			}
			if door != nil {
				defer door.Close()
			}
			s, err := web.New(n, web.Options{Addr: addr, Version: version, Guests: guestsURL})
			if err != nil {
				return errors.Join(err, n.Close())
			}
			closeMetrics, err := metrics.serve(out, n)
			if err != nil {
				return errors.Join(err, s.Close(), n.Close())
			}
			for _, r := range again {
				fmt.Fprintf(out, "Taken up again where it was cut short: %s\n", r.View().Title)
			}
			tell(n)
			greet(out, n, s)
			if !noOpen && hasDisplay() {
				openBrowser(s.PassURL())
			}
			<-cmd.Context().Done()
			fmt.Fprintln(out, "Leaving.")
			return errors.Join(closeMetrics(), s.Close(), n.Close())
		},
	}
	metrics.add(cmd)
	guests.add(cmd)
	cmd.Flags().StringVar(&addr, "web", "", "loopback address of the page (default "+web.DefaultAddr+", a free port if taken)")
	cmd.Flags().BoolVar(&noOpen, "no-open", false, "do not open the page in a browser")
	return cmd
}

// tell prints what a person should know of the start of a node.
func tell(n *node.Node) {
	for _, notice := range n.Notices() {
		fmt.Fprintln(os.Stderr, notice)
	}
}

// greet prints where the node is, and how to reach its page from elsewhere when there is no screen here.
func greet(out io.Writer, n *node.Node, s *web.Server) {
	st := n.Status()
	name := st.Name
	if name == "" {
		name = "somebody new: the page asks for your name"
	}
	fmt.Fprintf(out, "salon %s, %s (%s)\n", version, name, st.Short)
	fmt.Fprintf(out, "Page:  %s\n", s.PageURL())
	if !hasDisplay() {
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL(), "http://"))
		fmt.Fprintf(out, "No display here. From your own computer: ssh -L %s:127.0.0.1:%s THIS-MACHINE, then open the page's address there.\n", port, port)
	}
	for _, a := range st.Addrs {
		fmt.Fprintf(out, "Peer:  %s\n", a)
	}
	fmt.Fprintln(out, "Stop with Ctrl-C.")
}

// hasDisplay guesses whether a browser would be seen.
func hasDisplay() bool {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		return os.Getenv("SSH_CONNECTION") == ""
	}
	return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}

// openBrowser asks the desktop to show the page. That it cannot is no failure: the address was printed. What a command is
// called with, everybody on the machine can read: url has a pass in it, not the key.
func openBrowser(url string) {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	cmd := exec.Command(name, args...)
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }()
	}
}

func openCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "open", Short: "Open the page of the running node, and print its address", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := client.Running(cmd.Context(), f.homeDir())
			if err != nil {
				return fmt.Errorf("no salon runs on %s; start it with 'salon up'", f.homeDir())
			}
			url, key, err := node.RunningAPI(f.homeDir())
			if err != nil {
				return err
			}
			page := url + "/#key=" + key
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"url": page})
			} else {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), page)
			}
			if err != nil || !hasDisplay() {
				return err
			}
			var pass struct{ URL string }
			if err := c.Call(cmd.Context(), "POST", "/api/v1/passes", nil, &pass); err != nil {
				return err
			}
			openBrowser(pass.URL)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an object with url")
	return cmd
}

func idCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "id", Short: "Print who you are; the last line ends with your ID", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			name, person, device, err := whoami(cmd, f)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(out).Encode(map[string]string{"name": name, "device": device.String(), "person": person.String()})
			}
			if name != "" {
				fmt.Fprintln(out, "name   "+name)
			}
			fmt.Fprintln(out, "device "+device.String())
			fmt.Fprintln(out, "person "+person.String())
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an object with name, device and person")
	return cmd
}

// whoami asks the running node, or opens the home.
func whoami(cmd *cobra.Command, f *flags) (name string, person, device doc.PublicKey, err error) {
	if c, err := client.Running(cmd.Context(), f.homeDir()); err == nil {
		if err := f.tellRunning(cmd.Context(), c); err != nil {
			return "", person, device, err
		}
		s, err := c.Status(cmd.Context())
		return s.Name, s.Person, s.Device, err
	}
	h, err := node.OpenHome(f.homeDir(), now())
	if err != nil {
		return "", person, device, err
	}
	defer h.Close()
	if f.name != "" {
		if _, err := h.SetName(f.name); err != nil {
			return "", person, device, usageError{err}
		}
	}
	a := h.Identity().Author()
	return h.Name(), a.Person, a.Device, nil
}
