package signing

import (
	"crypto/ed25519"
	"slices"
	"strings"
)

// Trailer is the last line of the message of a signed commit: it proves that Plateform made the commit.
const Trailer = "Plateform-Signature"

// format begins what is signed of a commit.
const format = "plateform.dev/v1 commit"

// SignCommit returns the message of a commit with a trailer that proves who made the commit: a signature over its tree,
// its parent ("" for the first) and the message.
func SignCommit(message, tree, parent string, key Key) string {
	public := key.Public()
	return strings.TrimRight(message, "\n") + "\n" + Trailer + ": " + Encode(public[:], key.Sign(payload(message, tree, parent))) + "\n"
}

// VerifyCommit says that the message of a commit carries a signature of one of the keys that fits the commit.
func VerifyCommit(message, tree, parent string, keys []PublicKey) bool {
	message, line, found := cutTrailer(message)
	if !found {
		return false
	}
	b, ok := Decode(line)
	if !ok || len(b) != ed25519.PublicKeySize+ed25519.SignatureSize {
		return false
	}
	var public PublicKey
	signature := b[copy(public[:], b):]
	return slices.Contains(keys, public) && public.Verify(payload(message, tree, parent), signature)
}

// cutTrailer takes the trailer in the last line off a message.
func cutTrailer(message string) (rest, value string, found bool) {
	message = strings.TrimRight(message, "\n")
	rest, value, found = message, "", false
	if i := strings.LastIndexByte(message, '\n'); i >= 0 {
		value, found = strings.CutPrefix(message[i+1:], Trailer+": ")
		rest = message[:i]
	}
	return rest, value, found
}

// payload is what is signed of a commit.
func payload(message, tree, parent string) []byte {
	return []byte(strings.Join([]string{format, tree, parent, strings.TrimRight(message, "\n")}, "\n"))
}
