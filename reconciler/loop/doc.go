// Package loop brings what platform-config says into plateform-gitops, and says how far it is.
package loop
