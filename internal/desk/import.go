package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/format/people"
	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/node/ct"
)

// Bounds of an import.
const (
	maxListPersons = 2_000_000
	maxListName    = 32
	maxEntryID     = 80      // bytes; a ref must fit a match answer
	maxRejections  = 10_000  // named in the result; further ones are only counted
	maxLeftOut     = 10_000  // likewise
	maxApart       = 100_000 // rows of a person that do not follow the others
	importBatch    = 5_000   // entries a transaction
	progressStep   = 1_000   // entries between two reports
)

// Forms of a list.
const (
	FormUN      = people.FormUN
	FormPersons = people.FormJSON
)

// ImportOptions say which list is imported and how.
type ImportOptions struct {
	List         string
	Form         string    // FormUN or FormPersons
	AcceptShrink bool      // the list may lose more than a tenth of its persons
	About        ListAbout // what is empty stays as it was
}

// ListAbout is what a State says of one of its lists.
type ListAbout struct {
	TLP    ct.TLP `json:"tlp,omitempty"`    // of every entry; AMBER when it was never said
	Basis  string `json:"basis,omitempty"`  // legal basis of keeping the list
	Source string `json:"source,omitempty"` // who made it
	Date   string `json:"date,omitempty"`   // EDTF: when it was made
	Review string `json:"review,omitempty"` // EDTF: when somebody must look whether it is still needed
}

func (a ListAbout) faults() (out ct.Faults) {
	if a.TLP > ct.TLPRed {
		out = append(out, ct.Fault{Field: "tlp", Fault: ct.FaultCode + ": CLEAR, GREEN, AMBER, AMBER+STRICT, RED"})
	}
	for _, f := range []struct{ field, text string }{{"basis", a.Basis}, {"source", a.Source}} {
		if len(f.text) > ct.MaxShort {
			out = append(out, ct.Fault{Field: f.field, Fault: ct.FaultTooLong})
		} else if f.text != "" && !printable(f.text) {
			out = append(out, ct.Fault{Field: f.field, Fault: ct.FaultText})
		}
	}
	for _, f := range []struct{ field, date string }{{"date", a.Date}, {"review", a.Review}} {
		if _, err := ct.ParseEDTF(f.date); f.date != "" && err != nil {
			out = append(out, ct.Fault{Field: f.field, Fault: ct.FaultDate + ": want 2026-12-31"})
		}
	}
	return out
}

// over gives a with what is empty in it as it was before.
func (a ListAbout) over(before ListAbout) ListAbout {
	if a.TLP != 0 {
		before.TLP = a.TLP
	}
	for _, f := range []struct {
		to   *string
		from string
	}{{&before.Basis, a.Basis}, {&before.Source, a.Source}, {&before.Date, a.Date}, {&before.Review, a.Review}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if before.TLP == 0 {
		before.TLP = ct.TLPAmber
	}
	return before
}

// ImportUN imports the UN Security Council Consolidated List (XML).
func (d *Desk) ImportUN(ctx context.Context, list string, r io.Reader, p ImportProgress) (ImportResult, error) {
	return d.Import(ctx, ImportOptions{List: list, Form: FormUN}, r, p)
}

// ImportPersons imports a State's own list in JSON.
func (d *Desk) ImportPersons(ctx context.Context, list string, r io.Reader, p ImportProgress) (ImportResult, error) {
	return d.Import(ctx, ImportOptions{List: list, Form: FormPersons}, r, p)
}

// Import imports a list under a name. It supersedes what was imported under
// that name, at once and only when the whole file was read: a broken file
// changes nothing. What cannot be read of a person is left out and told; who
// cannot be read at all and is on the list already, stays on it as he was. A
// list that would lose more than a tenth of its persons is ErrConflict, unless
// that is accepted.
func (d *Desk) Import(ctx context.Context, o ImportOptions, r io.Reader, p ImportProgress) (ImportResult, error) {
	faults := o.About.faults()
	if !validListName(o.List) {
		faults = append(faults, ct.Fault{Field: "list", Fault: ct.FaultForm + ": 1 to 32 of a-z, 0-9 and -"})
	}
	if err := faults.Err(); err != nil {
		return ImportResult{}, fmt.Errorf("import: %w", err)
	}
	return d.importList(ctx, o, p, func(ctx context.Context, s *staging) error {
		in, err := text.NewReader(r)
		if err != nil {
			return err
		}
		first, err := in.First()
		if err != nil && err != io.EOF {
			return fmt.Errorf("read list: %w", err)
		}
		if first != 0 && people.Form(first) != o.Form {
			return ct.Faults{{Field: "file", Fault: "not " + map[string]string{FormUN: "XML of the UN list", FormPersons: "persons in JSON"}[o.Form]}}
		}
		var rows people.Joiner
		account, err := people.Rows(in, o.Form, func(row people.Row) error {
			s.result.Read++
			if e, ok := rows.Add(row.Decode(time.Now())); ok {
				return s.accept(ctx, e)
			}
			return nil
		})
		if e, ok := rows.Last(); ok && err == nil {
			err = s.accept(ctx, e)
		} else if ok {
			s.result.Read -= e.Rows // read ahead
		}
		s.result.Read += account.Unnamed
		s.result.Rejected += account.Unnamed
		s.blind = s.blind || account.Unnamed > 0
		s.result.Entities = account.Entities
		return err
	})
}

// importList stages what read accepts, and makes it the list.
func (d *Desk) importList(ctx context.Context, o ImportOptions, p ImportProgress, read func(context.Context, *staging) error) (ImportResult, error) {
	if p == nil {
		p = func(int) {}
	}
	d.importing.Lock()
	defer d.importing.Unlock()
	s, err := d.stage(o, p)
	if err == nil {
		err = read(ctx, s)
	}
	if bad := new(text.Binary); errors.As(err, &bad) {
		err = ct.Faults{{Field: "file", Fault: bad.Error()}}
	}
	if err == nil && s.result.Accepted == 0 && !(o.AcceptShrink && s.result.Read == 0) { // on purpose: an empty file
		err = errors.New("nothing in it was accepted; the list stays as it was")
	}
	if err == nil {
		err = s.publish(ctx)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("import: %w", err), d.sweep())
		if s == nil {
			return ImportResult{}, err
		}
		return s.result, err
	}
	if err := d.loadLists(); err != nil { // it is in force: whoever follows must hear of it
		return s.result, fmt.Errorf("import: %w", err)
	}
	p(s.result.Read)
	if err := d.sweep(); err != nil { // the new list is in force; what is left goes at the next start
		d.log.Warn("superseded list not removed", "error", err)
	}
	return s.result, nil
}

func validListName(s string) bool {
	return s != "" && len(s) <= maxListName && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
