// Package registry speaks to OCI image registries: it resolves what people write as an image to a digest, pushes what was
// built, tags what was released, and reads back whatever it wrote, because what Kubernetes pulls is a digest.
package registry
