package charts_test

import (
	"strings"

	"github.com/plateform/plateform/manifest"
)

// inputs are what the golden files are rendered from: the least and the most of each type.
func inputs() map[string]manifest.ValuesInput {
	inputs := map[string]manifest.ValuesInput{
		"monolithic-least": input(manifest.ProjectSpec{Type: manifest.Monolithic}, manifest.AppImage),
		"monolithic-most": input(manifest.ProjectSpec{
			Type: manifest.Monolithic,
			AppSpec: manifest.AppSpec{
				Port:      3000,
				Replicas:  new(3),
				Resources: manifest.Resources{CPU: "500m", Memory: "512Mi"},
				Health:    &manifest.Health{Path: "/healthz"},
				Domain:    "shop.example.com",
				Env: []manifest.EnvVar{
					{Name: "LOG_LEVEL", Value: new("info")},
					{Name: "STRIPE_KEY", Secret: "age:c2VjcmV0"},
					{Name: "DATABASE_URL", From: &manifest.EnvFrom{Project: "shop-db", Key: "url"}},
					{Name: "API_URL", From: &manifest.EnvFrom{Project: "api", Key: "url"}},
				},
			},
		}, manifest.AppImage),
		"monolithic-commands": input(manifest.ProjectSpec{
			Type:    manifest.Monolithic,
			AppSpec: manifest.AppSpec{Env: []manifest.EnvVar{{Name: "LOG_LEVEL", Value: new("info")}}},
			MonolithicSpec: manifest.MonolithicSpec{
				Release: &manifest.ReleaseCommand{Command: []string{"./manage", "migrate", "$(HOME)"}},
				Workers: []manifest.Worker{
					{Name: "mail", Command: []string{"./worker", "--queue=mail"}},
					{Name: "video", Command: []string{"./worker"}, Replicas: new(2), Resources: manifest.Resources{Memory: "1Gi"}},
				},
				Cron: []manifest.CronCommand{{Name: "tidy", Schedule: "0 3 * * *", Command: []string{"./manage", "tidy"}, Resources: manifest.Resources{CPU: "100m"}}},
			},
		}, manifest.AppImage),
		"monolithic-baseline": baseline(input(manifest.ProjectSpec{Type: manifest.Monolithic}, manifest.AppImage)),
		"spring-least": input(manifest.ProjectSpec{
			Type:       manifest.SpringMicroservice,
			SpringSpec: manifest.SpringSpec{Services: []manifest.Service{{Name: "worker"}}},
		}, "worker"),
		"spring-most": input(manifest.ProjectSpec{
			Type:    manifest.SpringMicroservice,
			AppSpec: manifest.AppSpec{Env: []manifest.EnvVar{{Name: "TZ", Value: new("UTC")}}},
			SpringSpec: manifest.SpringSpec{
				Profiles: []string{"production", "eu"},
				Services: []manifest.Service{
					{Name: "orders", Replicas: new(2), Env: []manifest.EnvVar{{Name: "TZ", Value: new("CET")}}},
					{Name: "gateway", Port: 9000, Public: true},
					{Name: "admin", Public: true},
				},
			},
		}, "orders", "gateway", "admin"),
		"database-backup-retain": input(manifest.ProjectSpec{
			Type: manifest.Database,
			DatabaseSpec: manifest.DatabaseSpec{
				Engine: "postgres", Version: "16", Storage: "10Gi",
				Backup: &manifest.Backup{Schedule: "0 3 * * *", Retention: 14},
			},
		}),
	}
	inputs["database-least"] = input(manifest.ProjectSpec{
		Type:         manifest.Database,
		DatabaseSpec: manifest.DatabaseSpec{Engine: "postgres", Version: "16", Storage: "1Gi"},
	})
	for _, engine := range []string{"postgres", "redis", "mysql", "mongodb"} {
		inputs["database-"+engine] = input(manifest.ProjectSpec{
			Type: manifest.Database,
			DatabaseSpec: manifest.DatabaseSpec{
				Engine: engine, Version: "8", Storage: "1Gi", DeletionPolicy: "delete",
				Backup: &manifest.Backup{Schedule: "*/30 * * * *"},
			},
		})
	}
	return inputs
}

func input(spec manifest.ProjectSpec, images ...string) manifest.ValuesInput {
	key := manifest.Key{Workspace: "ws-1", Project: "shop"}
	platform := &manifest.Platform{Spec: manifest.PlatformSpec{
		Domain: "apps.example.com",
		Ingress: manifest.IngressSpec{
			TLSIssuer: "letsencrypt", Port: 8443, Annotations: map[string]string{"external-dns.alpha.kubernetes.io/target": "203.0.113.7", "nginx.ingress.kubernetes.io/proxy-body-size": "8m"},
		},
	}}
	projects := map[string]*manifest.Project{
		"shop-db": {Spec: manifest.ProjectSpec{Type: manifest.Database}},
		"api":     {Spec: manifest.ProjectSpec{Type: manifest.Monolithic}},
	}
	in := manifest.ValuesInput{
		Key:      key,
		Release:  manifest.FirstVersion(),
		Project:  spec,
		Platform: manifest.UsedInputs(manifest.Surroundings{Platform: platform, Workspace: nil, Projects: projects}, key, spec, manifest.Chart{}),
	}
	for _, name := range images {
		repository := "harbor.example.com/ws-1/shop"
		if name != manifest.AppImage {
			repository += "/" + name
		}
		in.Images = append(in.Images, manifest.Image{
			Name: name, Repository: repository, Tag: "v1.0.0", Digest: "sha256:" + strings.Repeat("a1", 32),
		})
	}
	return in
}

// baseline is the same in a workspace whose images may start as root.
func baseline(in manifest.ValuesInput) manifest.ValuesInput {
	in.Platform.PodSecurity = manifest.Baseline
	return in
}
