package desk_test

import (
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/store"
)

// Who is asked answers while a list is being written: lists have a file of
// their own, and nothing of them is in the one that the journal is in.
func TestAnswersWhileAListIsWritten(t *testing.T) {
	_, asker, knows := knowing(t)
	_, err := knows.desk.ImportPersons(within(t), "national", strings.NewReader(listLine("N-1", wanted())), nil)
	must(t, err)
	knows.follow()
	must(t, knows.store.Local().View(func(tx *store.LocalTx) error {
		for _, b := range tx.Buckets() {
			if strings.HasPrefix(b, "list") {
				t.Errorf("bucket %s is in local.db", b)
			}
		}
		return nil
	}))
	held, done := make(chan struct{}), make(chan error, 1)
	finish := make(chan struct{})
	go func() {
		done <- knows.store.Lists().Update(func(tx *store.LocalTx) error {
			close(held)
			<-finish
			return nil
		})
	}()
	<-held
	answers, _ := ask(t, asker, query(wanted(), "FIN"))
	if got := answers["FIN"].Answer; got != desk.AnswerPossible {
		t.Errorf("while a list is written: %q", got)
	}
	close(finish)
	must(t, <-done)
}
