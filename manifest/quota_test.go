package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQuotaUses(t *testing.T) {
	three := 3
	platform := &Platform{Spec: PlatformSpec{Defaults: DefaultsSpec{Resources: Resources{CPU: "100m"}}}}
	projects := map[string]*Project{
		"shop":   {Spec: ProjectSpec{Type: Monolithic, AppSpec: AppSpec{Replicas: &three, Resources: Resources{Memory: "1Gi"}}}},
		"db":     {Spec: ProjectSpec{Type: Database, DatabaseSpec: DatabaseSpec{Storage: "10Gi"}, AppSpec: AppSpec{Resources: Resources{CPU: "1", Memory: "512Mi"}}}},
		"broken": nil,
	}
	tests := []struct {
		name  string
		quota Quota
		want  []QuotaUse
	}{
		{"no limits", Quota{}, nil},
		{"all within", Quota{Projects: 3, CPU: "2", Memory: "4Gi", Storage: "10Gi"}, []QuotaUse{
			{"projects", "3", "3", false}, {"cpu", "1300m", "2", false}, {"memory", "3584Mi", "4Gi", false}, {"storage", "10Gi", "10Gi", false},
		}},
		{"over", Quota{Projects: 2, CPU: "1"}, []QuotaUse{{"projects", "3", "2", true}, {"cpu", "1300m", "1", true}}},
		{"a limit that is none", Quota{CPU: "much"}, []QuotaUse{{"cpu", "1300m", "much", false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &Workspace{Spec: WorkspaceSpec{Quota: tt.quota}}
			if diff := cmp.Diff(tt.want, QuotaUses(platform, w, projects)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
