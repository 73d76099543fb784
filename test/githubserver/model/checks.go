package model

import (
	"slices"
	"time"
)

// CheckSuite is all that an App checks of one commit.
type CheckSuite struct {
	ID          int64
	App         *App
	SHA, Branch string
	Created     time.Time
}

// CheckRun is one check of a commit.
type CheckRun struct {
	ID          int64
	Suite       *CheckSuite
	Name        string
	Status      string
	Conclusion  string
	Details     string
	ExternalID  string
	Output      checkOutput
	Annotations []Annotation
	Started     time.Time
	Completed   time.Time
}

// checkOutput is what a check run says.
type checkOutput struct {
	Title, Summary, Text string
	Annotations          []Annotation
}

// Annotation is a remark on lines of a file.
type Annotation struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn *int   `json:"start_column"`
	EndColumn   *int   `json:"end_column"`
	Level       string `json:"annotation_level"`
	Message     string `json:"message"`
	Title       string `json:"title"`
	RawDetails  string `json:"raw_details"`
}

// CheckRequest is what a check run is made or changed with.
type CheckRequest struct {
	Name        string
	HeadSHA     string `json:"head_sha"`
	Status      string
	Conclusion  string
	DetailsURL  string     `json:"details_url"`
	ExternalID  string     `json:"external_id"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Output      *checkOutput
}

// Change takes in what is asked for; annotations are added to those that are there.
func (r *CheckRun) Change(a CheckRequest, now time.Time) {
	set := func(field *string, value string) {
		if value != "" {
			*field = value
		}
	}
	set(&r.Name, a.Name)
	set(&r.Details, a.DetailsURL)
	set(&r.ExternalID, a.ExternalID)
	if a.Status != "" && a.Status != "completed" {
		r.Status, r.Conclusion, r.Completed = a.Status, "", time.Time{}
	}
	if a.StartedAt != nil {
		r.Started = *a.StartedAt
	}
	if a.Conclusion != "" {
		r.Status, r.Conclusion, r.Completed = "completed", a.Conclusion, now
		if a.CompletedAt != nil {
			r.Completed = *a.CompletedAt
		}
	}
	if a.Output != nil {
		r.Output = *a.Output
		r.Annotations = append(r.Annotations, a.Output.Annotations...)
	}
}

// Run finds a check run; nil when there is none.
func (r *Repository) Run(id int64) *CheckRun {
	for _, run := range r.Commits.Runs {
		if run.ID == id {
			return run
		}
	}
	return nil
}

// Passed says that a required check is green on a commit, be it a status or a check run.
func (r *Repository) Passed(sha, context string) bool {
	for _, s := range r.LatestStatuses(sha) {
		if s.Context == context {
			return s.State == "success"
		}
	}
	for _, run := range slices.Backward(r.Commits.Runs) {
		if run.Suite.SHA == sha && run.Name == context {
			return slices.Contains([]string{"success", "neutral", "skipped"}, run.Conclusion)
		}
	}
	return false
}

// SuiteOf finds the check suite of an App for a commit; nil when there is none.
func (r *Repository) SuiteOf(a *App, sha string) *CheckSuite {
	for _, s := range r.Commits.Suites {
		if s.App == a && s.SHA == sha {
			return s
		}
	}
	return nil
}
