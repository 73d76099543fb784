package decision

import "testing"

// What one decision costs: of a project at rest, and of one whose build is done.
func BenchmarkDecide(b *testing.B) {
	for name, s := range map[string]*scene{
		"rest":    newScene().tip(commit1).release("v1.0.0"),
		"release": newScene().tip(commit1).release("v1.0.0").tip(commit2).build(done),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if len(Decide(s.before, s.head, s.seen, testTime)) == 0 {
					b.Fatal("nothing is decided")
				}
			}
		})
	}
}
