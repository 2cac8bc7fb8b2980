package shm

// Generation tells publishers of a topic apart: it changes when another one takes the
// topic over, before that one's first publication, and not between two publications of the
// same. Nothing else follows from it. It costs one load and never blocks.
func (c *consumer) Generation() uint32 { return c.words.generation.Load() }
