package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxDepth is how deep messages nest in the body schema: match release, hit,
// person, misused identity, name.
const maxDepth = 5

// checkShape walks a body without allocating for it: only fields of the
// schema, in ascending order, at most maxRepeated of each, no empty element of
// a list, no depth that the schema does not have. What it accepts costs memory in proportion to the
// limits and not to what 24 KiB can claim; whether it is the one encoding is
// for same to say.
func checkShape(b []byte, d protoreflect.MessageDescriptor, depth int) error {
	if depth >= maxDepth {
		return fmt.Errorf("%w: nested too deeply", ErrBody)
	}
	fields := d.Fields()
	last, count := protowire.Number(0), 0
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: malformed", ErrBody)
		}
		b = b[n:]
		f := fields.ByNumber(num)
		if f == nil {
			return fmt.Errorf("%w: unknown field %d of %s", ErrBody, num, d.Name())
		}
		switch {
		case num < last:
			return fmt.Errorf("%w: fields of %s out of order", ErrBody, d.Name())
		case num > last:
			last, count = num, 1
		case !f.IsList():
			return fmt.Errorf("%w: field %d of %s repeated", ErrBody, num, d.Name())
		default:
			count++
		}
		if count > maxRepeated {
			return fmt.Errorf("%w: more than %d of field %d of %s", ErrBodyLarge, maxRepeated, num, d.Name())
		}
		if f.IsList() && typ == protowire.BytesType && len(b) > 0 && b[0] == 0 {
			return fmt.Errorf("%w: an empty element of field %d of %s", ErrBody, num, d.Name())
		}
		if f.Kind() == protoreflect.MessageKind {
			if typ != protowire.BytesType {
				return fmt.Errorf("%w: field %d of %s is no message", ErrBody, num, d.Name())
			}
			inner, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return fmt.Errorf("%w: malformed", ErrBody)
			}
			if err := checkShape(inner, f.Message(), depth+1); err != nil {
				return err
			}
			b = b[n:]
			continue
		}
		n = protowire.ConsumeFieldValue(num, typ, b)
		if n < 0 || typ == protowire.StartGroupType {
			return fmt.Errorf("%w: malformed", ErrBody)
		}
		b = b[n:]
	}
	return nil
}
