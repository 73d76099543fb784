package manifest

import "testing"

func TestVerifyCommit(t *testing.T) {
	key, other := testKey(t, 1), testKey(t, 2)
	message := FormatMessage("Release ws/shop v1.0.0", []Trailer{{TrailerConfigCommit, "c0ffee"}})
	signed := Commit{Parents: []string{"parent"}, Tree: "tree", Message: SignCommit(message, "tree", "parent", key)}
	if len(Trailers(signed.Message)) != 2 {
		t.Errorf("the trailers of %q are %v", signed.Message, Trailers(signed.Message))
	}
	with := func(change func(*Commit)) Commit {
		c := signed
		change(&c)
		return c
	}
	tests := []struct {
		name   string
		commit Commit
		keys   []PublicKey
		want   bool
	}{
		{"as it was made", signed, []PublicKey{other.Public(), key.Public()}, true},
		{"with line breaks at the end", with(func(c *Commit) { c.Message += "\n\n" }), []PublicKey{key.Public()}, true},
		{"by another key", signed, []PublicKey{other.Public()}, false},
		{"no keys", signed, nil, false},
		{"another tree", with(func(c *Commit) { c.Tree = "edited" }), []PublicKey{key.Public()}, false},
		{"another parent", with(func(c *Commit) { c.Parents = []string{"elsewhere"} }), []PublicKey{key.Public()}, false},
		{"no parent", with(func(c *Commit) { c.Parents = nil }), []PublicKey{key.Public()}, false},
		{"another message", with(func(c *Commit) { c.Message = "x" + c.Message }), []PublicKey{key.Public()}, false},
		{"not signed", with(func(c *Commit) { c.Message = message }), []PublicKey{key.Public()}, false},
		{"a damaged signature", with(func(c *Commit) { c.Message = message + TrailerSignature + ": ed25519:AAAA\n" }), []PublicKey{key.Public()}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := VerifyCommit(tt.commit, tt.keys); got != tt.want {
				t.Errorf("VerifyCommit = %v, want %v", got, tt.want)
			}
		})
	}
	first := Commit{Tree: "tree", Message: SignCommit(message, "tree", "", key)}
	if !VerifyCommit(first, []PublicKey{key.Public()}) {
		t.Error("the first commit of a repository is not honoured")
	}
}
