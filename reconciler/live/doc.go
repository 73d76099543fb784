// Package live says whether what runs in a Kubernetes cluster answers at its URL, and what is missing if it does not: for engines, which
// have the objects applied in their own ways.
package live
