// Package plan says what a change of platform-config would do, before it is merged: releases, builds, URLs, quotas.
package plan
