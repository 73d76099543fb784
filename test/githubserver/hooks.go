package githubserver

import (
	"slices"
	"time"

	"github.com/plateform/plateform/test/githubserver/delivery"
)

// hook is a webhook of a repository.
type hook struct {
	id      int64
	url     string
	secret  string
	events  []string
	active  bool
	created time.Time
}

// appHook is the webhook of an App. The world decides which events are the App's, so that it takes all; its id does not
// get in the way of those of repositories.
func appHook(appID int64, url, secret string) delivery.Hook {
	return delivery.Hook{ID: -appID, URL: url, Secret: secret, Events: []string{"*"}}
}

func listHooks(c *call) answer {
	return paged(c, c.repo.hooks, func(h *hook) any { return c.hookJSON(h) })
}

func (c *call) hookJSON(h *hook) object {
	link := c.world.api("/repos/%s/hooks/%d", c.repo.fullName(), h.id)
	config := object{"url": h.url, "content_type": "json", "insecure_ssl": "0"}
	if h.secret != "" {
		config["secret"] = "********"
	}
	last := object{"code": nil, "status": "unused", "message": nil}
	if list := c.world.hooks.List(h.id); len(list) > 0 {
		last = object{"code": list[0].Code, "status": map[bool]string{true: "active", false: "misconfigured"}[list[0].Delivered()], "message": list[0].Status}
	}
	return object{"type": "Repository", "id": h.id, "name": "web", "active": h.active, "events": h.events, "config": config, "url": link,
		"test_url": link + "/test", "ping_url": link + "/pings", "deliveries_url": link + "/deliveries", "last_response": last,
		"created_at": stamp(h.created), "updated_at": stamp(h.created)}
}

func createHook(c *call) answer {
	asked := struct {
		Config struct {
			URL, Secret string
			ContentType string `json:"content_type"`
		}
		Events []string
		Active *bool
	}{Events: []string{"push"}}
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	if asked.Config.URL == "" || asked.Config.ContentType != "json" {
		return invalid("Hook", "config", "config must contain a URL, and this server sends JSON only (content_type)")
	}
	for _, h := range c.repo.hooks {
		if h.url == asked.Config.URL {
			return invalid("Hook", "config", "Hook already exists on this repository")
		}
	}
	h := &hook{id: c.world.id(), url: asked.Config.URL, secret: asked.Config.Secret, events: asked.Events,
		active: asked.Active == nil || *asked.Active, created: c.world.now()}
	c.repo.hooks = append(c.repo.hooks, h)
	if h.active {
		c.world.hooks.SetHook(delivery.Hook{ID: h.id, URL: h.url, Secret: h.secret, Events: h.events})
	}
	ping := delivery.Event{Name: "ping", RepositoryID: c.repo.id, Payload: object{"zen": "Keep it logically awesome.", "hook_id": h.id,
		"hook": c.hookJSON(h), "repository": c.world.repoJSON(c.repo), "sender": c.world.userJSON(c.who.user)}}
	if err := c.world.hooks.Emit(h.id, ping); err != nil {
		return broken("sending a ping", err)
	}
	return created(c.hookJSON(h))
}

func (c *call) deliveries(hookID int64) answer {
	list := c.world.hooks.List(hookID)
	switch c.request.URL.Query().Get("status") {
	case "success":
		list = slices.DeleteFunc(list, func(d delivery.Delivery) bool { return !d.Delivered() })
	case "failure":
		list = slices.DeleteFunc(list, delivery.Delivery.Delivered)
	}
	if cursor := c.query("cursor", 0); cursor > 0 {
		list = slices.DeleteFunc(list, func(d delivery.Delivery) bool { return d.ID >= int64(cursor) })
	}
	per := min(max(c.query("per_page", 30), 1), 100)
	shown := []object{}
	for _, d := range list[:min(per, len(list))] {
		shown = append(shown, deliveryJSON(d))
	}
	a := ok(shown)
	if len(list) > per {
		u := *c.request.URL
		q := u.Query()
		q.Set("cursor", itoa(list[per-1].ID))
		u.RawQuery = q.Encode()
		a.header.Set("Link", "<"+c.world.url+u.RequestURI()+`>; rel="next"`)
	}
	return a
}

func deliveryJSON(d delivery.Delivery) object {
	number := func(n int64) any {
		if n == 0 {
			return nil
		}
		return n
	}
	return object{"id": d.ID, "guid": d.GUID, "delivered_at": stamp(d.At), "redelivery": d.Redelivery, "duration": 0.1, "status": d.Status,
		"status_code": d.Code, "event": d.Event, "action": orNull(d.Action), "installation_id": number(d.InstallationID),
		"repository_id": number(d.RepositoryID), "throttled_at": nil}
}

func (c *call) redeliver(hookID int64) answer {
	id, _ := c.number("delivery_id")
	if !c.world.hooks.Redeliver(hookID, id) {
		return unprocessable("There is no such delivery.")
	}
	return reply(202, object{})
}

func listAppDeliveries(c *call) answer { return c.deliveries(-c.who.app.id) }
func redeliverToApp(c *call) answer    { return c.redeliver(-c.who.app.id) }

// ofHook answers about one hook of the repository.
func (c *call) ofHook(do func(hookID int64) answer) answer {
	id, _ := c.number("hook_id")
	if !slices.ContainsFunc(c.repo.hooks, func(h *hook) bool { return h.id == id }) {
		return notFound()
	}
	return do(id)
}

func listHookDeliveries(c *call) answer { return c.ofHook(c.deliveries) }
func redeliverToHook(c *call) answer    { return c.ofHook(c.redeliver) }
