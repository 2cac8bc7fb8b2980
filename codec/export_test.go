package codec

// SmallValue is for tests that need both sides of it.
const SmallValue = smallValue

// MaxDepth is for tests that need one more.
const MaxDepth = maxDepth

// MaxNames is for tests that need more.
const MaxNames = maxNames

// Skip and SkipAlike are two ways to the same end.
func Skip(b []byte, n int) (int, error)      { return skip(b, 0, n, 0) }
func SkipAlike(b []byte, n int) (int, error) { return skipAlike(b, 0, n, 0) }
