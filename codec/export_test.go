package codec

// SmallValue is for tests that need both sides of it.
const SmallValue = smallValue

// MaxDepth is for tests that need one more.
const MaxDepth = maxDepth

// MaxNames is for tests that need more.
const MaxNames = maxNames
