package fishing

// Sketches are all that is kept.
func (w *Watch) Sketches() []ask { return w.asks }
