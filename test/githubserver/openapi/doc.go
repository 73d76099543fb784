// Package openapi checks requests and responses against GitHub's own description of its REST API, cut to the paths that
// this project may use.
//
// github.json.gz is a part of https://github.com/github/rest-api-description (with the extensions of
// https://github.com/octokit/openapi), Copyright (c) GitHub, Inc., under the MIT License; the text of the licence is in
// LICENSE.github beside it.
package openapi
