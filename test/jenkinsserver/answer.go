package jenkinsserver

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is a response.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) write(w http.ResponseWriter, now time.Time) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	w.Header().Set("Server", "Jetty(9.4.33.v20201020)")
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // who has gone does not read it
}

func plainHeader() http.Header {
	return http.Header{"X-Content-Type-Options": {"nosniff"}}
}

// jetty is an error as the server says it that Jenkins is in.
func jetty(status int, message, path string) answer {
	h := plainHeader()
	h.Set("Cache-Control", "must-revalidate,no-cache,no-store")
	h.Set("Content-Type", "text/html;charset=iso-8859-1")
	body := fmt.Sprintf(`<html>
<head>
<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>
<title>Error %[1]d %[2]s</title>
</head>
<body><h2>HTTP ERROR %[1]d %[2]s</h2>
<table>
<tr><th>URI:</th><td>%[3]s</td></tr>
<tr><th>STATUS:</th><td>%[1]d</td></tr>
<tr><th>MESSAGE:</th><td>%[2]s</td></tr>
<tr><th>SERVLET:</th><td>Stapler</td></tr>
</table>
<hr><a href="https://eclipse.org/jetty">Powered by Jetty:// 9.4.33.v20201020</a><hr/>

</body>
</html>
`, status, html.EscapeString(message), html.EscapeString(path))
	return answer{status: status, header: h, body: []byte(body)}
}

func notFound(r *http.Request) answer { return jetty(http.StatusNotFound, "Not Found", r.URL.Path) }

// ownHeader is that of what Jenkins itself answers.
func (s *Server) ownHeader() http.Header {
	h := plainHeader()
	h.Set("X-Jenkins", "2.263.4")
	h.Set("X-Jenkins-Session", s.session)
	h.Set("X-Frame-Options", "deny")
	return h
}

// page is a page as Jenkins itself shows errors.
func (s *Server) page(status int, title string) answer {
	h := s.ownHeader()
	h.Set("Content-Type", "text/html;charset=utf-8")
	h.Set("Cache-Control", "no-cache,no-store,must-revalidate")
	h.Set("Set-Cookie", "JSESSIONID=node0"+random()+".node0; Path=/; HttpOnly")
	h.Set("X-Hudson", "1.395")
	h.Set("X-Frame-Options", "sameorigin")
	if title != "Jenkins" && status == http.StatusServiceUnavailable {
		h.Del("X-Jenkins-Session")
	}
	body := fmt.Sprintf("\n\n  \n  <!DOCTYPE html><html class=\"\"><head resURL=\"/static/%[1]s\" data-rooturl=\"\">\n    <title>%[2]s [Jenkins]</title></head><body>%[2]s</body></html>", s.session, title)
	return answer{status: status, header: h, body: []byte(body)}
}

func (s *Server) postOnly() answer {
	a := s.page(http.StatusMethodNotAllowed, "Form post required")
	a.header.Set("Allow", "POST")
	return a
}

// forbidden is what somebody gets to see who lacks a permission.
func (s *Server) forbidden(who, permission string, r *http.Request) answer {
	h := s.ownHeader()
	h.Del("X-Frame-Options")
	h.Set("X-Hudson", "1.395")
	h.Set("Content-Type", "text/html;charset=utf-8")
	h.Set("Set-Cookie", "JSESSIONID=node0"+random()+".node0; Path=/; HttpOnly")
	h.Set("X-You-Are-Authenticated-As", who)
	h.Set("X-You-Are-In-Group-Disabled", "JENKINS-39402: use -Dhudson.security.AccessDeniedException2.REPORT_GROUP_HEADERS=true or use /whoAmI to diagnose")
	h.Set("X-Required-Permission", permission)
	h["X-Permission-Implied-By"] = []string{"hudson.security.Permission.GenericRead", "hudson.model.Hudson.Administer"}
	from := html.EscapeString(r.URL.EscapedPath())
	body := fmt.Sprintf("<html><head><meta http-equiv='refresh' content='1;url=/login?from=%[1]s'/></head><body style='background-color:white; color:white;'>\n\n\nAuthentication required\n<!--\nYou are authenticated as: %[2]s\nPermission you need to have (but didn't): %[3]s\n-->\n\n</body></html>%[4]s",
		from, who, permission, strings.Repeat(" ", 300))
	return answer{status: http.StatusForbidden, header: h, body: []byte(body)}
}

// json is an object, cut down to what the request asks for.
func (s *Server) json(r *http.Request, object map[string]any) answer {
	h := s.ownHeader()
	h.Set("Content-Type", "application/json;charset=utf-8")
	body, err := s.cut(object, r.Form.Get("tree"))
	if err != nil {
		return jetty(http.StatusBadRequest, err.Error(), r.URL.Path)
	}
	return answer{status: http.StatusOK, header: h, body: body}
}

// cut makes JSON of the part of an object that a tree names; of all of it when there is none.
func (s *Server) cut(object map[string]any, tree string) ([]byte, error) {
	data, err := json.Marshal(object)
	if err != nil || tree == "" {
		return data, err
	}
	var plain any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&plain); err != nil {
		return nil, err
	}
	t, rest, err := parseTree(tree)
	if err != nil || rest != "" {
		return nil, fmt.Errorf("the tree %q cannot be read at %q: %w", tree, rest, err)
	}
	return json.Marshal(t.of(plain))
}

func text(kind, body string) answer {
	h := plainHeader()
	h.Set("Content-Type", kind)
	return answer{status: http.StatusOK, header: h, body: []byte(body)}
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// login finds out who asks; refused is the answer to those who must not go on.
func (s *Server) login(r *http.Request) (who User, refused *answer) {
	name, secret, given := r.BasicAuth()
	if !given {
		a := s.forbidden("anonymous", "hudson.model.Hudson.Read", r)
		return User{}, &a
	}
	at := slices.IndexFunc(s.users, func(u User) bool {
		return u.Name == name && secret != "" && (secret == u.Token || secret == u.Password)
	})
	if at < 0 {
		a := jetty(http.StatusUnauthorized, "Invalid password/token for user: "+name, r.URL.Path)
		a.header.Set("WWW-Authenticate", `Basic realm="Jenkins"`)
		return User{}, &a
	}
	u := s.users[at]
	if r.Method == http.MethodPost && secret == u.Password && !s.crumbed(r) {
		a := jetty(http.StatusForbidden, "No valid crumb was included in the request", r.URL.Path)
		return u, &a
	}
	return u, nil
}

// crumbed says that a request brings the crumb of its session.
func (s *Server) crumbed(r *http.Request) bool {
	cookie, err := r.Cookie("JSESSIONID")
	return err == nil && s.crumbs[cookie.Value] != "" && s.crumbs[cookie.Value] == r.Header.Get("Jenkins-Crumb")
}

func (s *Server) crumb(r *http.Request) answer {
	cookie, crumb := "node0"+random()+".node0", random()+random()+random()+random()
	s.crumbs[cookie] = crumb
	a := s.json(r, map[string]any{"_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": crumb, "crumbRequestField": "Jenkins-Crumb"})
	a.header.Set("Set-Cookie", "JSESSIONID="+cookie+"; Path=/; HttpOnly")
	return a
}
