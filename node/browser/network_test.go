package browser

import "os/exec"

// A computer is where a node and its browser run.
type computer struct {
	enter []string // command that runs another one there; empty: run it as it is
	lan   bool     // joined by a cable: nodes find each other by themselves
}

func (c computer) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	c.move(cmd)
	return cmd
}

// move makes a command that was prepared for here run on the computer.
func (c computer) move(cmd *exec.Cmd) {
	if len(c.enter) > 0 {
		moved := exec.Command(c.enter[0], c.enter[1:]...)
		cmd.Args = append(append(moved.Args, cmd.Path), cmd.Args[1:]...)
		cmd.Path, cmd.Err = moved.Path, moved.Err
	}
	dieWithUs(cmd)
}
