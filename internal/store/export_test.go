package store

import "go.etcd.io/bbolt"

// Summed gives a value of log.db its sum.
func Summed(b []byte) []byte { return summed(b) }

// ForgetUnsound drops all marks of bad signatures, as damage would.
func (s *Store) ForgetUnsound() error {
	return s.logDB.update(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket([]byte(bktUnsound)); err != nil {
			return err
		}
		_, err := tx.CreateBucket([]byte(bktUnsound))
		return err
	})
}
