package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler/registry"
)

// checkSecrets looks at the files that hold secrets: readable here, and by nobody else.
func (d *examination) checkSecrets(context.Context) []Diagnosis {
	files := d.settings.SecretFiles()
	for n, source := range d.settings.Sources {
		if source.UsernameFile != "" { // some servers take a token for the name
			files = append(files, installation.SecretFile{Setting: fmt.Sprintf("sources[%d].usernameFile", n), File: source.UsernameFile})
		}
	}
	var found []Diagnosis
	fine := 0
	for _, f := range files {
		if wrong := checkSecretFile(f.Setting, f.File); wrong != nil {
			found = append(found, *wrong)
			continue
		}
		fine++
	}
	if fine > 0 || len(found) == 0 {
		found = append([]Diagnosis{ok("secrets", "%s that only their owner can read", terminal.Count(fine, "file"))}, found...)
	}
	return found
}

// checkSecretFile says what is wrong with one file; nil when nothing is.
func checkSecretFile(setting, file string) *Diagnosis {
	wrong := func(d Diagnosis) *Diagnosis { return &d }
	data, err := os.ReadFile(file)
	if err != nil {
		return wrong(broken("secrets", fmt.Errorf("%s: %w", setting, err), "put the file there, readable for the user that runs serve"))
	}
	if strings.TrimSpace(string(data)) == "" {
		return wrong(fail("secrets", fmt.Sprintf("%s: %s is empty", setting, file), "write the secret into it"))
	}
	info, err := os.Stat(file)
	if err != nil {
		return wrong(broken("secrets", fmt.Errorf("%s: %w", setting, err), "put the file there, readable for the user that runs serve"))
	}
	const others = 0o077
	if mode := info.Mode().Perm(); mode&others != 0 {
		return wrong(warn("secrets", fmt.Sprintf("%s: others can read %s (mode %04o)", setting, file, mode), "chmod 600 "+file))
	}
	return nil
}

// checkSigningKey looks whether releases that are signed here would be honoured.
func (d *examination) checkSigningKey(context.Context) []Diagnosis {
	const what = "signing key"
	signer, err := d.settings.Keys.Signer()
	if err != nil {
		return []Diagnosis{broken(what, err, "plateform init makes one, openssl genpkey -algorithm ed25519 too")}
	}
	if d.platform == nil {
		return []Diagnosis{warn(what, "not compared with platform.yaml, which cannot be read", "mend the config repository first")}
	}
	named := installation.PublicKeys(d.platform)
	switch {
	case signer == nil && len(named) > 0:
		return []Diagnosis{fail(what, "there is none, but platform.yaml names public keys: no release would be honoured", "set keys.signingKeyFile in serve.yaml")}
	case signer == nil:
		return []Diagnosis{warn(what, "there is none: release files carry a checksum only, which everybody can make", "set keys.signingKeyFile in serve.yaml, and name its public key in platform.yaml")}
	case len(named) == 0:
		return []Diagnosis{warn(what, "platform.yaml names no public keys: nobody checks who signed a release",
			fmt.Sprintf("add %s to spec.releases.publicKeys of platform.yaml", signer.Public()))}
	case !slices.Contains(named, signer.Public()):
		return []Diagnosis{fail(what, fmt.Sprintf("platform.yaml does not name its public key %s: no release would be honoured", signer.Public()),
			"add it to spec.releases.publicKeys of platform.yaml, or set keys.signingKeyFile to the key that belongs there")}
	}
	return []Diagnosis{ok(what, "platform.yaml names its public key %s", signer.Public())}
}

// certificateNotice is how long before its end a certificate is worth a word.
const certificateNotice = 14 * 24 * time.Hour

// checkRegistry asks the registry of platform.yaml whether it lets the credentials in.
func (d *examination) checkRegistry(ctx context.Context) []Diagnosis {
	const what = "registry"
	if d.platform == nil {
		return []Diagnosis{warn(what, "not asked: platform.yaml, which names it, cannot be read", "mend the config repository first")}
	}
	found, known := d.checkEmbedded(ctx, what)
	if known {
		return found
	}
	return append(found, atRegistry{d}.ask(ctx, what)...)
}

func (d *examination) judgeRegistry(what, who string, answer registry.Answer) Diagnosis {
	url := d.platform.Spec.Registry.URL
	host, _, _ := strings.Cut(url, "/")
	left := answer.Expires.Sub(d.now())
	switch {
	case !answer.Encrypted && repourl.IsHere(host):
		return ok(what, "%s lets us in %s, over plain HTTP on this machine", url, who)
	case !answer.Encrypted:
		return warn(what, fmt.Sprintf("%s lets us in %s, over plain HTTP", url, who), "use HTTPS, and remove registry.insecure from serve.yaml")
	case left < certificateNotice:
		return warn(what, fmt.Sprintf("%s lets us in %s; its certificate ends on %s", url, who, answer.Expires.UTC().Format(time.DateOnly)), "renew it")
	}
	return ok(what, "%s lets us in %s; its certificate is good until %s", url, who, answer.Expires.UTC().Format(time.DateOnly))
}
