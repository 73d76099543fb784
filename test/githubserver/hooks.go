package githubserver

import (
	"slices"

	"github.com/plateform/plateform/test/githubserver/delivery"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

func listHooks(c *call) answer {
	return paged(c, c.repo.Hooks, func(h *model.Hook) any { return c.hookJSON(h) })
}

func (c *call) hookJSON(h *model.Hook) wire.Object {
	link := c.world.API("/repos/%s/hooks/%d", c.repo.FullName(), h.ID)
	config := wire.Object{"url": h.URL, "content_type": "json", "insecure_ssl": "0"}
	if h.Secret != "" {
		config["secret"] = "********"
	}
	last := wire.Object{"code": nil, "status": "unused", "message": nil}
	if list := c.world.Hooks.List(h.ID); len(list) > 0 {
		last = wire.Object{"code": list[0].Code, "status": map[bool]string{true: "active", false: "misconfigured"}[list[0].Delivered()], "message": list[0].Status}
	}
	return wire.Object{"type": "Repository", "id": h.ID, "name": "web", "active": h.Active, "events": h.Events, "config": config, "url": link,
		"test_url": link + "/test", "ping_url": link + "/pings", "deliveries_url": link + "/deliveries", "last_response": last,
		"created_at": wire.Stamp(h.Created), "updated_at": wire.Stamp(h.Created)}
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
	for _, h := range c.repo.Hooks {
		if h.URL == asked.Config.URL {
			return invalid("Hook", "config", "Hook already exists on this repository")
		}
	}
	h := &model.Hook{ID: c.world.ID(), URL: asked.Config.URL, Secret: asked.Config.Secret, Events: asked.Events,
		Active: asked.Active == nil || *asked.Active, Created: c.world.Now()}
	c.repo.Hooks = append(c.repo.Hooks, h)
	if h.Active {
		c.world.Hooks.SetHook(delivery.Hook{ID: h.ID, URL: h.URL, Secret: h.Secret, Events: h.Events})
	}
	ping := delivery.Event{Name: "ping", RepositoryID: c.repo.ID, Payload: wire.Object{"zen": "Keep it logically awesome.", "hook_id": h.ID,
		"hook": c.hookJSON(h), "repository": c.world.RepoJSON(c.repo), "sender": c.world.UserJSON(c.who.User)}}
	if err := c.world.Hooks.Emit(h.ID, ping); err != nil {
		return broken("sending a ping", err)
	}
	return created(c.hookJSON(h))
}

func (c *call) deliveries(hookID int64) answer {
	list := c.world.Hooks.List(hookID)
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
	shown := []wire.Object{}
	for _, d := range list[:min(per, len(list))] {
		shown = append(shown, deliveryJSON(d))
	}
	a := ok(shown)
	if len(list) > per {
		u := *c.request.URL
		q := u.Query()
		q.Set("cursor", itoa(list[per-1].ID))
		u.RawQuery = q.Encode()
		a.header.Set("Link", "<"+c.world.URL+u.RequestURI()+`>; rel="next"`)
	}
	return a
}

func deliveryJSON(d delivery.Delivery) wire.Object {
	number := func(n int64) any {
		if n == 0 {
			return nil
		}
		return n
	}
	return wire.Object{"id": d.ID, "guid": d.GUID, "delivered_at": wire.Stamp(d.At), "redelivery": d.Redelivery, "duration": 0.1, "status": d.Status,
		"status_code": d.Code, "event": d.Event, "action": wire.OrNull(d.Action), "installation_id": number(d.InstallationID),
		"repository_id": number(d.RepositoryID), "throttled_at": nil}
}

func (c *call) redeliver(hookID int64) answer {
	id, _ := c.number("delivery_id")
	if !c.world.Hooks.Redeliver(hookID, id) {
		return unprocessable("There is no such delivery.")
	}
	return reply(202, wire.Object{})
}

func getAppHook(c *call) answer {
	h := c.world.Hooks.Hook(-c.who.App.ID)
	config := wire.Object{"url": h.URL, "content_type": "json", "insecure_ssl": "0"}
	if h.Secret != "" {
		config["secret"] = "********"
	}
	return ok(config)
}

func listAppDeliveries(c *call) answer { return c.deliveries(-c.who.App.ID) }

func redeliverToApp(c *call) answer { return c.redeliver(-c.who.App.ID) }

// ofHook answers about one hook of the repository.
func (c *call) ofHook(do func(hookID int64) answer) answer {
	id, _ := c.number("hook_id")
	if !slices.ContainsFunc(c.repo.Hooks, func(h *model.Hook) bool { return h.ID == id }) {
		return notFound()
	}
	return do(id)
}

func listHookDeliveries(c *call) answer { return c.ofHook(c.deliveries) }

func redeliverToHook(c *call) answer { return c.ofHook(c.redeliver) }
