package ct_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/herald-net/herald/node/ct"
)

// plant fills every string below v with the canary, every pointer and list
// with one element.
func plant(v reflect.Value, canary string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			plant(v.Field(i), canary)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		plant(v.Elem(), canary)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		plant(v.Index(0), canary)
	case reflect.String:
		v.SetString(canary)
	case reflect.Uint32:
		v.SetUint(3) // a kind and a topic with a name
	}
}

// TestNothingPersonalIsPrinted plants a canary in every text field of every
// type that holds any and prints it in every way a careless line of code could.
func TestNothingPersonalIsPrinted(t *testing.T) {
	const canary = "Canariensis"
	types := []reflect.Type{
		reflect.TypeFor[ct.Notification](), reflect.TypeFor[ct.Event](), reflect.TypeFor[ct.Leg](), reflect.TypeFor[ct.Place](),
		reflect.TypeFor[ct.Detention](), reflect.TypeFor[ct.Companion](), reflect.TypeFor[ct.Person](), reflect.TypeFor[ct.Fact](),
		reflect.TypeFor[ct.Name](), reflect.TypeFor[ct.Birth](), reflect.TypeFor[ct.PlaceOfLife](), reflect.TypeFor[ct.Document](),
		reflect.TypeFor[ct.NationalID](), reflect.TypeFor[ct.PersonContact](), reflect.TypeFor[ct.Physical](),
		reflect.TypeFor[ct.Biometrics](), reflect.TypeFor[ct.ExternalRef](), reflect.TypeFor[ct.Misused](),
		reflect.TypeFor[ct.Assessment](), reflect.TypeFor[ct.LegalBasis](), reflect.TypeFor[ct.Handling](),
		reflect.TypeFor[ct.Retention](), reflect.TypeFor[ct.Contact](), reflect.TypeFor[ct.Retraction](),
		reflect.TypeFor[ct.ListPerson](),
	}
	check := func(t *testing.T, how, out string) {
		t.Helper()
		for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
			if strings.Contains(out, form) {
				t.Errorf("%s shows the text", how)
			}
		}
	}
	for _, typ := range types {
		t.Run(typ.Name(), func(t *testing.T) {
			p := reflect.New(typ)
			plant(p.Elem(), canary)
			slice := reflect.MakeSlice(reflect.SliceOf(typ), 1, 1)
			slice.Index(0).Set(p.Elem())
			in := struct{ X any }{p.Interface()}
			for _, v := range []any{p.Elem().Interface(), p.Interface(), slice.Interface(), in, &in, map[string]any{"k": p.Elem().Interface()}} {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
					check(t, verb, fmt.Sprintf(verb, v))
				}
				check(t, "Println", fmt.Sprintln(v))
				check(t, "errorf", fmt.Errorf("wrap: %v", v).Error())
			}
			for _, v := range []any{p.Elem().Interface(), p.Interface()} {
				var b bytes.Buffer
				slog.New(slog.NewTextHandler(&b, nil)).Info("m", "k", v)
				slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "k", v)
				slog.New(slog.NewJSONHandler(&b, nil)).Info("m", slog.Group("g", slog.Any("k", v)))
				check(t, "slog", b.String())
			}
		})
	}
	t.Run("Entry", func(t *testing.T) {
		e := ct.Entry{State: "UTO", Kind: ct.KindNotification, Seq: 9}
		plant(reflect.ValueOf(&e.Notification).Elem(), canary)
		plant(reflect.ValueOf(&e.Retraction).Elem(), canary)
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("m", "k", e, "p", &e)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "k", e, "p", &e)
		check(t, "slog", b.String())
		check(t, "fmt", fmt.Sprintf("%v %+v %#v %s %v", e, e, e, e, &e))
		if !strings.Contains(b.String(), "seq=9") {
			t.Errorf("the header is not shown: %s", b.String())
		}
	})
	t.Run("Date", func(t *testing.T) {
		d, err := ct.ParseEDTF("1965-07-04")
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "k", d)
		if out := fmt.Sprintf("%v %+v %#v %s", d, d, d, &d) + strings.SplitN(b.String(), `"k"`, 2)[1]; strings.Contains(out, "1965") {
			t.Errorf("a date shows: %s", out)
		}
	})
}

// TestEveryTypeWithTextIsRedacted finds the types by walking the fields of
// Notification and Retraction, so that a new one cannot be forgotten.
func TestEveryTypeWithTextIsRedacted(t *testing.T) {
	formatter := reflect.TypeFor[fmt.Formatter]()
	valuer := reflect.TypeFor[slog.LogValuer]()
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(typ.Elem())
		case reflect.Struct:
			if seen[typ] {
				return
			}
			seen[typ] = true
			if !typ.Implements(formatter) || !typ.Implements(valuer) {
				t.Errorf("%s prints what it holds", typ)
			}
			for i := range typ.NumField() {
				walk(typ.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[ct.Notification]())
	walk(reflect.TypeFor[ct.Retraction]())
	if len(seen) < 24 {
		t.Errorf("%d types seen, want at least 24", len(seen))
	}
}
