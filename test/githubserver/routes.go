package githubserver

import (
	"github.com/plateform/plateform/test/githubserver/model"
)

// routes are the operations that the server has, by the names that GitHub's description gives them.
func routes() map[string]endpoint {
	all := map[string]endpoint{
		"GET /user":              {do: getUser},
		"GET /users/{username}":  {do: getUserByLogin},
		"GET /user/{account_id}": {do: getUserByID},
		"GET /rate_limit":        {do: getRateLimit},

		"GET /app":               {do: getApp, asApp: true},
		"GET /app/installations": {do: listInstallations, asApp: true},
		"POST /app/installations/{installation_id}/access_tokens": {do: createInstallationToken, asApp: true},
		"GET /app/hook/config":                             {do: getAppHook, asApp: true},
		"GET /app/hook/deliveries":                         {do: listAppDeliveries, asApp: true},
		"POST /app/hook/deliveries/{delivery_id}/attempts": {do: redeliverToApp, asApp: true},
		"GET /installation/repositories":                   {do: listInstallationRepositories},

		"POST /applications/{client_id}/token": {do: checkToken, asClient: true},
	}
	const repo = "/repos/{owner}/{repo}"
	below := func(method, path string, e endpoint) { all[method+" "+repo+path] = e }
	below("GET", "/installation", endpoint{do: getRepoInstallation, asApp: true})
	below("GET", "", endpoint{do: getRepo, needs: "metadata:read"})
	below("GET", "/activity", endpoint{do: listActivity, needs: "contents:read"})
	below("GET", "/collaborators/{username}/permission", endpoint{do: getPermission, needs: "metadata:read", role: model.Read})

	commitRoutes(below)
	contentRoutes(below)
	pullRoutes(below)
	ruleRoutes(below)
	return all
}

// commitRoutes are about what is said of commits.
func commitRoutes(below func(method, path string, e endpoint)) {
	below("POST", "/statuses/{sha}", endpoint{do: createStatus, needs: "statuses:write", role: model.Write})
	below("GET", "/commits/{ref}/status", endpoint{do: getCombinedStatus, needs: "statuses:read"})
	below("GET", "/commits/{ref}/statuses", endpoint{do: listStatuses, needs: "statuses:read"})
	below("GET", "/commits", endpoint{do: listCommits, needs: "contents:read"})
	below("GET", "/commits/{ref}", endpoint{do: getCommit, needs: "contents:read"})
	below("GET", "/commits/{commit_sha}/pulls", endpoint{do: listPullsOfCommit, needs: "pull_requests,contents:read"})

	below("POST", "/check-runs", endpoint{do: createCheckRun, needs: "checks:write", role: model.Write})
	below("GET", "/check-runs/{check_run_id}", endpoint{do: getCheckRun, needs: "checks:read"})
	below("PATCH", "/check-runs/{check_run_id}", endpoint{do: updateCheckRun, needs: "checks:write", role: model.Write})
	below("GET", "/check-runs/{check_run_id}/annotations", endpoint{do: listAnnotations, needs: "checks:read"})
	below("GET", "/commits/{ref}/check-runs", endpoint{do: listCheckRuns, needs: "checks:read"})
	below("GET", "/commits/{ref}/check-suites", endpoint{do: listCheckSuites, needs: "checks:read"})
	below("POST", "/check-suites/{check_suite_id}/rerequest", endpoint{do: rerequestSuite, needs: "checks:write", role: model.Write})
	below("POST", "/check-runs/{check_run_id}/rerequest", endpoint{do: rerequestRun, needs: "checks:write", role: model.Write})

	below("GET", "/deployments", endpoint{do: listDeployments, needs: "deployments:read"})
	below("POST", "/deployments", endpoint{do: createDeployment, needs: "deployments:write", role: model.Write})
	below("GET", "/deployments/{deployment_id}", endpoint{do: getDeployment, needs: "deployments:read"})
	below("DELETE", "/deployments/{deployment_id}", endpoint{do: deleteDeployment, needs: "deployments:write", role: model.Write})
	below("GET", "/deployments/{deployment_id}/statuses", endpoint{do: listDeploymentStatuses, needs: "deployments:read"})
	below("POST", "/deployments/{deployment_id}/statuses", endpoint{do: createDeploymentStatus, needs: "deployments:write", role: model.Write})
}

// contentRoutes are about what Git holds.
func contentRoutes(below func(method, path string, e endpoint)) {
	below("GET", "/contents/{path}", endpoint{do: getContents, needs: "contents:read"})
	below("PUT", "/contents/{path}", endpoint{do: putContents, needs: "contents:write", role: model.Write})
	below("DELETE", "/contents/{path}", endpoint{do: deleteContents, needs: "contents:write", role: model.Write})
	below("GET", "/compare/{basehead}", endpoint{do: compare, needs: "contents:read"})
	below("GET", "/git/ref/{ref}", endpoint{do: getRef, needs: "contents:read"})
	below("POST", "/git/refs", endpoint{do: createRef, needs: "contents:write", role: model.Write})
	below("PATCH", "/git/refs/{ref}", endpoint{do: updateRef, needs: "contents:write", role: model.Write})
	below("DELETE", "/git/refs/{ref}", endpoint{do: deleteRef, needs: "contents:write", role: model.Write})
	below("GET", "/git/trees/{tree_sha}", endpoint{do: getTree, needs: "contents:read"})
	below("GET", "/git/commits/{commit_sha}", endpoint{do: getGitCommit, needs: "contents:read"})
	below("POST", "/git/blobs", endpoint{do: createBlob, needs: "contents:write", role: model.Write})
}

// pullRoutes are about pull requests and what is said of them.
func pullRoutes(below func(method, path string, e endpoint)) {
	below("GET", "/pulls", endpoint{do: listPulls, needs: "pull_requests:read"})
	below("POST", "/pulls", endpoint{do: createPull, needs: "pull_requests:write", role: model.Read})
	below("GET", "/pulls/{pull_number}", endpoint{do: getPull, needs: "pull_requests:read"})
	below("PATCH", "/pulls/{pull_number}", endpoint{do: updatePull, needs: "pull_requests:write", role: model.Read})
	below("GET", "/pulls/{pull_number}/files", endpoint{do: listPullFiles, needs: "pull_requests:read"})
	below("GET", "/pulls/{pull_number}/commits", endpoint{do: listPullCommits, needs: "pull_requests:read"})
	below("GET", "/pulls/{pull_number}/merge", endpoint{do: isMerged, needs: "pull_requests:read"})
	below("PUT", "/pulls/{pull_number}/merge", endpoint{do: mergePull, needs: "contents:write", role: model.Write})

	below("GET", "/issues/{issue_number}/comments", endpoint{do: listComments, needs: "issues,pull_requests:read"})
	below("POST", "/issues/{issue_number}/comments", endpoint{do: createComment, needs: "issues,pull_requests:write", role: model.Read})
	below("GET", "/issues/comments", endpoint{do: listAllComments, needs: "issues,pull_requests:read"})
	below("GET", "/issues/comments/{comment_id}", endpoint{do: getComment, needs: "issues,pull_requests:read"})
	below("PATCH", "/issues/comments/{comment_id}", endpoint{do: updateComment, needs: "issues,pull_requests:write", role: model.Read})
	below("DELETE", "/issues/comments/{comment_id}", endpoint{do: deleteComment, needs: "issues,pull_requests:write", role: model.Read})
	below("GET", "/issues/comments/{comment_id}/reactions", endpoint{do: listReactions, needs: "issues,pull_requests:read"})
	below("POST", "/issues/comments/{comment_id}/reactions", endpoint{do: createReaction, needs: "issues,pull_requests:write", role: model.Read})
}

// ruleRoutes are about what may be pushed, and about webhooks.
func ruleRoutes(below func(method, path string, e endpoint)) {
	below("GET", "/branches/{branch}", endpoint{do: getBranch, needs: "contents:read"})
	below("GET", "/branches/{branch}/protection", endpoint{do: getProtection, needs: "administration:read", role: model.Admin})
	below("PUT", "/branches/{branch}/protection", endpoint{do: putProtection, needs: "administration:write", role: model.Admin})
	below("POST", "/branches/{branch}/protection/required_signatures", endpoint{do: requireSignatures, needs: "administration:write", role: model.Admin})
	below("DELETE", "/branches/{branch}/protection", endpoint{do: deleteProtection, needs: "administration:write", role: model.Admin})
	below("GET", "/rulesets", endpoint{do: listRulesets, needs: "metadata:read"})
	below("POST", "/rulesets", endpoint{do: createRuleset, needs: "administration:write", role: model.Admin})
	below("GET", "/rulesets/{ruleset_id}", endpoint{do: getRuleset, needs: "metadata:read"})
	below("PUT", "/rulesets/{ruleset_id}", endpoint{do: updateRuleset, needs: "administration:write", role: model.Admin})
	below("DELETE", "/rulesets/{ruleset_id}", endpoint{do: deleteRuleset, needs: "administration:write", role: model.Admin})
	below("GET", "/rules/branches/{branch}", endpoint{do: listBranchRules, needs: "metadata:read"})

	below("GET", "/hooks", endpoint{do: listHooks, needs: "repository_hooks:read", role: model.Admin})
	below("POST", "/hooks", endpoint{do: createHook, needs: "repository_hooks:write", role: model.Admin})
	below("GET", "/hooks/{hook_id}/deliveries", endpoint{do: listHookDeliveries, needs: "repository_hooks:read", role: model.Admin})
	below("POST", "/hooks/{hook_id}/deliveries/{delivery_id}/attempts", endpoint{do: redeliverToHook, needs: "repository_hooks:write", role: model.Admin})
}
