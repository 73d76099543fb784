package model

import (
	"encoding/json"
	"time"
)

// Deployment is a commit on its way to an environment.
type Deployment struct {
	ID                                       int64
	SHA, Ref, Task, Environment, Description string
	Payload                                  json.RawMessage
	Transient                                bool
	Production                               bool
	Creator                                  *User
	App                                      *App
	Created                                  time.Time
	Statuses                                 []*DeploymentStatus
}

// DeploymentStatus is how far a deployment is.
type DeploymentStatus struct {
	ID                 int64
	State, Description string
	Environment        string
	TargetURL          string `json:"target_url"`
	LogURL             string `json:"log_url"`
	EnvironmentURL     string `json:"environment_url"`
	AutoInactive       *bool  `json:"auto_inactive"`
	Creator            *User
	Created            time.Time
}
