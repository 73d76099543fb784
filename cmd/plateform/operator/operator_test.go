package operator_test

import (
	"os"
	"strings"
	"testing"

	"github.com/plateform/plateform/cmd/plateform/operator"
)

func TestOperator(t *testing.T) {
	dir := t.TempDir()
	if _, err := operator.Address(dir); !os.IsNotExist(err) {
		t.Errorf("before the first start the address is %v", err)
	}
	seen := map[string]bool{}
	for address, want := range map[string]string{"127.0.0.1:81": "127.0.0.1:81", "[::]:82": "localhost:82", "0.0.0.0:83": "localhost:83", "[::1]:84": "[::1]:84"} {
		token, err := operator.NewToken(dir)
		if err != nil || len(token) < 20 || seen[token] {
			t.Fatalf("the token is %q, %v", token, err)
		}
		seen[token] = true
		if err := operator.Write(dir, token, address); err != nil {
			t.Fatal(err)
		}
		if got, err := operator.Address(dir); got != want || err != nil {
			t.Errorf("%s is %q, %v", address, got, err)
		}
		if got, err := os.ReadFile(operator.TokenFile(dir)); strings.TrimSpace(string(got)) != token || err != nil {
			t.Errorf("the file holds %q, %v", got, err)
		}
		if info, err := os.Stat(operator.TokenFile(dir)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file is %v, %v", info.Mode(), err)
		}
	}
}
