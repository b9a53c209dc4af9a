package service

import (
	"net/http"
	"strings"
	"testing"
)

func TestWhatAReleaseSaysOfItself(t *testing.T) {
	for _, each := range []struct {
		text string
		want release
	}{
		{"v1\n", release{"v1", 0}}, {"v1", release{"v1", 0}}, {"", release{}},
		{"v1\nerror-rate 0.25\n", release{"v1", 0.25}}, {"v1\r\nerror-rate 1\n", release{"v1", 1}},
	} {
		got, err := parseRelease(each.text)
		if err != nil || got != each.want {
			t.Errorf("%q: %+v %v", each.text, got, err)
		}
	}
	for _, text := range []string{
		"v1\nerror-rate 1.5", "v1\nerror-rate -0.1", "v1\nerror-rate NaN", "v1\nerror-rate", "v1\nv2", "v1\nerror-rate 1\nx",
	} {
		if got, err := parseRelease(text); err == nil || !strings.Contains(err.Error(), "error-rate SHARE") {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
}

func TestAVersionThatIsBadOnPurposeAnswersWithErrorsAndCallsItselfReady(t *testing.T) {
	e := startRelease(t, 0, "v2\nerror-rate 1\n")
	a := e.as(id("a"))
	for range 3 {
		answer, err := e.get(a, "b", "/work", false)
		if err != nil || answer.Status != http.StatusInternalServerError || answer.Header.Get("X-Pov-Version") != "v2" {
			t.Fatal(answer.Status, err)
		}
	}
	p := e.as(prober)
	if who := ask[Identity](e, p, "b", "/identity"); who.Version != "v2" {
		t.Errorf("%+v", who)
	}
	call := ask[Outcome](e, p, "a", "/call?to=b&timeoutMs=5000")
	if call.OK || call.Kind != "hard" || call.Error != "status 500" {
		t.Errorf("%+v", call)
	}
}
