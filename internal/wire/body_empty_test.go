package wire_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// What is written is read, whatever is empty in it: an optional part that says
// nothing is left out, and a list with an empty element is not written at all.
// The fields are found by reflection.
func TestNothingEmptyIsWritten(t *testing.T) {
	bodies := []struct {
		of     any
		encode func(any) ([]byte, error)
		decode func([]byte) error
	}{
		{ct.Notification{}, func(v any) ([]byte, error) { return wire.EncodeNotification(v.(*ct.Notification)) },
			func(b []byte) error { _, err := wire.DecodeNotification(wire.BodyHeader{}, b); return err }},
		{ct.Retraction{}, func(v any) ([]byte, error) { return wire.EncodeRetraction(v.(*ct.Retraction)) },
			func(b []byte) error { _, err := wire.DecodeRetraction(b); return err }},
		{ct.MatchRelease{}, func(v any) ([]byte, error) { return wire.EncodeMatchRelease(v.(*ct.MatchRelease)) },
			func(b []byte) error { _, err := wire.DecodeMatchRelease(b); return err }},
		{ct.Addresses{}, func(v any) ([]byte, error) { return wire.EncodeAddresses(v.(*ct.Addresses)) },
			func(b []byte) error { _, err := wire.DecodeAddresses(b); return err }},
		{ct.Delegation{}, func(v any) ([]byte, error) { return wire.EncodeDelegation(v.(*ct.Delegation)) },
			func(b []byte) error { _, err := wire.DecodeDelegation(b); return err }},
	}
	parts, lists := 0, 0
	for _, b := range bodies {
		whole := func() reflect.Value {
			v := reflect.New(reflect.TypeOf(b.of))
			fillFields(t, v.Elem(), new(int))
			return v
		}
		emptied(whole().Elem(), nil, func(path []int, name string) {
			v := whole()
			f := at(v.Elem(), path)
			list := f.Kind() == reflect.Slice
			if list {
				f.Set(reflect.Append(f, reflect.Zero(f.Type().Elem())))
				lists++
			} else {
				f.Set(reflect.New(f.Type().Elem()))
				parts++
			}
			raw, err := b.encode(v.Interface())
			switch {
			case err == nil:
				if err := b.decode(raw); err != nil {
					t.Errorf("%T, an empty %s is written and not read: %v", b.of, name, err)
				}
				if list && f.Type().Elem().Kind() == reflect.String {
					t.Errorf("%T, an empty element of %s is written", b.of, name)
				}
			case !list || !errors.Is(err, wire.ErrBody):
				t.Errorf("%T, an empty %s: %v", b.of, name, err)
			}
		})
	}
	if parts < 8 || lists < 40 {
		t.Errorf("tried %d parts and %d lists", parts, lists)
	}
}

// at finds the field at a path: an index into each struct, the first element of
// each list.
func at(v reflect.Value, path []int) reflect.Value {
	for _, i := range path {
		v = inner(v).Field(i)
	}
	return v
}

// inner goes to the struct that a field holds.
func inner(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice {
		if v.Kind() == reflect.Slice {
			v = v.Index(0)
		} else {
			v = v.Elem()
		}
	}
	return v
}

// emptied visits each field that can be empty without being absent.
func emptied(v reflect.Value, path []int, visit func(path []int, name string)) {
	for i := range v.NumField() {
		f, here := v.Field(i), append(path[:len(path):len(path)], i)
		kind := f.Kind()
		if kind == reflect.Pointer || kind == reflect.Slice && f.Type().Elem().Kind() != reflect.Uint8 && f.Type().Elem().Kind() != reflect.Array {
			visit(here, v.Type().Name()+"."+v.Type().Field(i).Name)
		}
		if kind == reflect.Slice && f.Len() == 0 {
			continue
		}
		if s := inner(f); s.Kind() == reflect.Struct {
			emptied(s, here, visit)
		}
	}
}
