package manifest

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"
)

// SignCommit returns the message of a commit with a trailer that proves who made the commit: a signature over its tree,
// its parent ("" for the first) and the message.
func SignCommit(message, tree, parent string, key SigningKey) string {
	public := key.Public()
	signature := ed25519.Sign(key.key(), commitPayload(message, tree, parent))
	return strings.TrimRight(message, "\n") + "\n" + TrailerSignature + ": " + signedPrefix +
		base64.StdEncoding.EncodeToString(slices.Concat(public[:], signature)) + "\n"
}

// VerifyCommit says that a commit carries a signature of one of the keys that fits it.
func VerifyCommit(c Commit, keys []PublicKey) bool {
	message, line, found := cutTrailer(c.Message, TrailerSignature)
	if !found {
		return false
	}
	b, ok := decodeSigned(line)
	if !ok || len(b) != ed25519.PublicKeySize+ed25519.SignatureSize {
		return false
	}
	var public PublicKey
	signature := b[copy(public[:], b):]
	parent := ""
	if parents := slices.Concat(c.Parents, c.Cut); len(parents) > 0 {
		parent = parents[0]
	}
	return slices.Contains(keys, public) && ed25519.Verify(public[:], commitPayload(message, c.Tree, parent), signature)
}

// cutTrailer takes the trailer in the last line off a message.
func cutTrailer(message, key string) (rest, value string, found bool) {
	message = strings.TrimRight(message, "\n")
	rest, value, found = message, "", false
	if i := strings.LastIndexByte(message, '\n'); i >= 0 {
		value, found = strings.CutPrefix(message[i+1:], key+": ")
		rest = message[:i]
	}
	return rest, value, found
}

func commitPayload(message, tree, parent string) []byte {
	return []byte(strings.Join([]string{APIVersion + " commit", tree, parent, strings.TrimRight(message, "\n")}, "\n"))
}
