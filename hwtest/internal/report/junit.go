package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

type junitSuite struct {
	XMLName   xml.Name    `xml:"testsuite"`
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Hostname  string      `xml:"hostname,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report as the XML that CI systems read.
func (r *Report) JUnit(w io.Writer) error {
	suite := junitSuite{
		Name: "hwtest " + r.Suite.Target, Tests: len(r.Tests), Failures: r.Summary.Fail, Skipped: r.Summary.Skip,
		Time: seconds(r.Suite.Seconds), Timestamp: r.Suite.Started.UTC().Format(time.RFC3339), Hostname: r.Board.Title(),
	}
	for _, t := range r.Tests {
		suite.Cases = append(suite.Cases, t.junit())
	}
	text, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

func (t Test) junit() junitCase {
	class, name, ok := strings.Cut(t.Name, "/")
	if !ok {
		name = class
	}
	c := junitCase{Class: "hwtest." + class, Name: name, Time: seconds(t.Seconds)}
	first, _, _ := strings.Cut(t.Reason, "\n")
	switch t.Outcome {
	case Fail:
		c.Failure = &junitMessage{Message: first, Text: t.Reason}
	case Skip:
		c.Skipped = &junitMessage{Message: first}
	}
	t.Reason = ""
	c.Out = strings.Join(t.details(), "\n")
	return c
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
