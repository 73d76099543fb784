package manifest

import "testing"

func TestURLsOfHosts(t *testing.T) {
	for want, in := range map[string]IngressSpec{
		"http://shop.example.com":        {},
		"http://shop.example.com:8480":   {Port: 8480},
		"http://shop.example.com:443":    {Port: 443},
		"https://shop.example.com":       {TLSIssuer: "letsencrypt"},
		"https://shop.example.com:30443": {TLSIssuer: "letsencrypt", Port: 30443},
		"https://shop.example.com:80":    {TLSIssuer: "letsencrypt", Port: 80},
	} {
		if got := in.URL("shop.example.com"); got != want {
			t.Errorf("%+v: %s, want %s", in, got, want)
		}
	}
	if got := (IngressSpec{Port: 80}).URL("shop.example.com"); got != "http://shop.example.com" {
		t.Errorf("the usual port of http: %s", got)
	}
	if got := (IngressSpec{TLSIssuer: "letsencrypt", Port: 443}).URL("shop.example.com"); got != "https://shop.example.com" {
		t.Errorf("the usual port of https: %s", got)
	}
}

// Names under localhost mean the machine they are used on, so no authority certifies them, whatever issuer there is.
func TestHostsUnderLocalhostHaveNoTLS(t *testing.T) {
	platform := acme()
	platform.Spec.Domain, platform.Spec.Ingress = "localhost", IngressSpec{TLSIssuer: "letsencrypt", Port: 8480}
	for domain, want := range map[string]string{
		"":                 "http://shop-ws-1.localhost:8480",
		"shop.localhost":   "http://shop.localhost:8480",
		"shop.example.org": "https://shop.example.org:8480",
		"notlocalhost":     "https://notlocalhost:8480",
	} {
		spec := ProjectSpec{Type: Monolithic, AppSpec: AppSpec{Domain: domain}}
		k := Key{"ws-1", "shop"}
		used := UsedInputs(Surroundings{Platform: platform, Workspace: tenant()}, k, spec, Chart{})
		if got := used.Ingress.URL(HostsOf(k, spec, "localhost")[0]); got != want {
			t.Errorf("domain %q: %s, want %s", domain, got, want)
		}
	}
}
