// Package scan says what a scanner finds in an image, and whether the platform's policy lets the image be released. The scanner is
// Trivy, as a program of its own: it is there or it is not, and its databases are its own business.
package scan
