package futex

// SetWaiting makes a slot look as if its owner waited on phase 0.
func SetWaiting(s *Slot) { s.state.Store(slotWaits) }
