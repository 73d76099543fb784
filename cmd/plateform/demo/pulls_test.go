package demo

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/card"
)

// What is hidden, folded or escaped on GitHub reads as plain words in a terminal.
func TestCardsAsLines(t *testing.T) {
	c := card.Card{Merged: "e83c5163316f89bfbde7d9ab23ca2e25604af290", Woken: "webhook +0.4 s", Progress: []card.Progress{{
		Project: manifest.Key{Workspace: "ws-1", Project: "shop"}, State: reconciler.StateSuccess, Stage: reconciler.StageDeployed, Description: "v1.0.4 runs, with <LEVEL> and a|b",
		LiveURL: "https://shop.example.com", RollbackURL: "https://git.example.com/delete",
	}}}
	want := []string{
		"Plateform: done: 1 project", "Merged as e83c5163316f89bfbde7d9ab23ca2e25604af290.", "project  now",
		"✅  ws-1/shop  v1.0.4 runs, with <LEVEL> and a|b · open it https://shop.example.com · roll it back https://git.example.com/delete",
		"webhook +0.4 s",
	}
	if diff := cmp.Diff(want, plainCard(c.Comment().Text)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	plan := "### `a`: release\n\n| | |\n|---|---|\n| url | [https:<!-- -->//a.test](<https://a.test>) |\n\n<details><summary>Helm values of a</summary>\n\n```diff\n+x\n```\n\n</details>\n"
	if diff := cmp.Diff([]string{"a: release", "url        https://a.test", "▸ Helm values of a"}, plainCard(plan)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
