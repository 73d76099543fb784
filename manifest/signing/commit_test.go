package signing

import "testing"

func TestVerifyCommit(t *testing.T) {
	key, other := testKey(t, 1), testKey(t, 2)
	type commit struct{ message, tree, parent string }
	const message = "Release ws/shop v1.0.0\n\nConfig-Commit: c0ffee\n"
	signed := commit{SignCommit(message, "tree", "parent", key), "tree", "parent"}
	with := func(change func(*commit)) commit {
		c := signed
		change(&c)
		return c
	}
	tests := []struct {
		name   string
		commit commit
		keys   []PublicKey
		want   bool
	}{
		{"as it was made", signed, []PublicKey{other.Public(), key.Public()}, true},
		{"with line breaks at the end", with(func(c *commit) { c.message += "\n\n" }), []PublicKey{key.Public()}, true},
		{"by another key", signed, []PublicKey{other.Public()}, false},
		{"no keys", signed, nil, false},
		{"another tree", with(func(c *commit) { c.tree = "edited" }), []PublicKey{key.Public()}, false},
		{"another parent", with(func(c *commit) { c.parent = "elsewhere" }), []PublicKey{key.Public()}, false},
		{"no parent", with(func(c *commit) { c.parent = "" }), []PublicKey{key.Public()}, false},
		{"another message", with(func(c *commit) { c.message = "x" + c.message }), []PublicKey{key.Public()}, false},
		{"not signed", with(func(c *commit) { c.message = message }), []PublicKey{key.Public()}, false},
		{"a damaged signature", with(func(c *commit) { c.message = message + Trailer + ": ed25519:AAAA\n" }), []PublicKey{key.Public()}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := VerifyCommit(tt.commit.message, tt.commit.tree, tt.commit.parent, tt.keys); got != tt.want {
				t.Errorf("VerifyCommit = %v, want %v", got, tt.want)
			}
		})
	}
	if !VerifyCommit(SignCommit(message, "tree", "", key), "tree", "", []PublicKey{key.Public()}) {
		t.Error("the first commit of a repository is not honoured")
	}
}
