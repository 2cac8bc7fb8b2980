package suite

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/report"
)

// roleTest is the role of a process that runs one test: name, settings.
const roleTest = "test"

// Serve makes this program able to run the tests. Call it before proc.Play.
func Serve(tests []Test) {
	proc.Role(roleTest, func(a *proc.Actor) error {
		var s Settings
		if len(a.Args) != 2 {
			return fmt.Errorf("%d arguments", len(a.Args))
		}
		if err := json.Unmarshal([]byte(a.Args[1]), &s); err != nil {
			return err
		}
		for _, test := range tests {
			if test.Name == a.Args[0] {
				t := &T{Settings: s}
				text, err := json.Marshal(t.run(test))
				a.Say("%s", text)
				return err
			}
		}
		return fmt.Errorf("no such test")
	})
}

// Run runs a test in a process of its own.
func Run(test Test, s Settings) report.Test {
	s.Time = test.Time
	start := time.Now()
	result, err := run(test, s)
	if err != nil {
		return report.Test{Name: test.Name, Outcome: report.Fail, Reason: err.Error(), Seconds: time.Since(start).Seconds()}
	}
	return result
}

func run(test Test, s Settings) (result report.Test, err error) {
	settings, err := json.Marshal(s)
	if err != nil {
		return result, err
	}
	c, err := proc.Start(roleTest, []any{test.Name, string(settings)})
	if err != nil {
		return result, err
	}
	defer c.Kill()
	line, err := c.HearWithin(test.deadline(s.Scale))
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal([]byte(line), &result); err != nil {
		return result, fmt.Errorf("the test's process says %.100q: %w", line, err)
	}
	if _, err := c.Finish(); err != nil {
		return result, err
	}
	return result, nil
}
