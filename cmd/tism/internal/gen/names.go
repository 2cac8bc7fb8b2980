package gen

import (
	"strings"
	"unicode"
)

// snake turns GyroRad into gyro_rad and HTTPCode into http_code, by the rule of
// docs/LAYOUT.md. A test compares it with what package shm makes of a type.
func snake(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		if !isCapital(r) {
			b.WriteRune(r)
			continue
		}
		if i > 0 && runes[i-1] != '_' {
			after := !isCapital(runes[i-1])
			before := i+1 < len(runes) && runes[i+1] >= 'a' && runes[i+1] <= 'z'
			if after || before {
				b.WriteByte('_')
			}
		}
		b.WriteRune(r - 'A' + 'a')
	}
	return b.String()
}

func isCapital(r rune) bool { return r >= 'A' && r <= 'Z' }

// isName tells whether a tag can name a field.
func isName(s string) bool {
	for _, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return s != ""
}

// exported begins a name with a capital.
func exported(name string) string {
	r := []rune(name)
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}

// camel turns gyro_rad into GyroRad.
func camel(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		if part != "" {
			b.WriteString(exported(part))
		}
	}
	if s := b.String(); s != "" && !unicode.IsDigit([]rune(s)[0]) {
		return s
	}
	return "X" + b.String()
}

// identifier makes a name one of a language with these keywords.
func identifier(name string, keywords map[string]bool) string {
	if unicode.IsDigit([]rune(name)[0]) {
		name = "_" + name
	}
	if keywords[name] {
		name += "_"
	}
	return name
}

func words(text string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}
