package doc

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Limits of what Unmarshal takes. The largest honest document is a snapshot of a full room.
const (
	MaxDocument = 256 << 10 // bytes
	maxArray    = 1024      // elements of one array
	maxMap      = 64        // pairs of one map; our maps are structs
	maxDepth    = 8
)

var encMode, decMode = modes()

func modes() (cbor.EncMode, cbor.DecMode) {
	eo := cbor.CoreDetEncOptions()
	// A nil slice and an empty one are the same list, so they must have the same bytes.
	eo.NilContainers = cbor.NilContainerAsEmpty
	eo.TagsMd = cbor.TagsForbidden
	enc, err := eo.EncMode()
	if err != nil {
		panic(err)
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   maxDepth,
		MaxArrayElements:  maxArray,
		MaxMapPairs:       maxMap,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return enc, dec
}

// Marshal encodes v in core deterministic CBOR (RFC 8949, 4.2.1). Structs want integer keys ("keyasint") or
// "toarray", and "omitempty" or, for arrays and structs, "omitzero", where a zero value is not worth its bytes.
func Marshal(v any) ([]byte, error) {
	b, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return b, nil
}

// Unmarshal decodes b into v, which points to a zero value, and accepts only what Marshal would have
// written for it. After an error v may be half filled and must not be used.
func Unmarshal(b []byte, v any) error {
	if len(b) > MaxDocument {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(b))
	}
	if err := decMode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	// The decoder takes integers that are longer than needed, null for zero, and byte strings of the wrong
	// length for an array (measured). All of them encode differently from what was read.
	again, err := encMode.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("%w: encodes to other bytes", ErrEncoding)
	}
	return nil
}
