package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// A witness keeps, of every log of somebody else, the newest checkpoint that it has seen. What it has signed once
// it never contradicts.
//
// see returns the checkpoint to keep: the newer one, if the log grew to it. An error that is ErrFrozen means that the
// log's owner has shown two different logs.
func see(kept, raw []byte, device Key, proof tlog.TreeProof) ([]byte, error) {
	c, err := SignedBy(raw, device)
	if err != nil || kept == nil {
		return raw, err
	}
	from, err := SignedBy(kept, device)
	if err != nil {
		return nil, fmt.Errorf("%w: the checkpoint that was kept: %w", ErrCorrupt, err)
	}
	if err := c.Grows(from, proof); err != nil {
		return nil, err
	}
	return raw, nil
}
