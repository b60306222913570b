package store

import "go.etcd.io/bbolt"

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
