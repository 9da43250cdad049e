package web

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node"
	"salon/node/demo"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/nwc/nwctest"
	"salon/node/market/stripe/stripetest"
	"salon/room"
)

// openapi.json and the code are two accounts of one thing. Here they are held side by side:
//
//   - the calls, and the Go types of their requests and answers: by reflection, from Server.calls and allRoutes
//   - what is enumerated (actions, roles, codes of refusals, events): from the code's own lists or, where it has none, from
//     its source
//   - every answer that any test of this package gets (site.answered)
//
// To add a call: a row in Server.calls, one in allRoutes, its path in the file. An event: its Go type in eventTypes, and
// the file. A word of an enumeration, or a code: the file.

const apiPrefix = "/api/v1"

// An apiFile is openapi.json. It is decoded strictly: what OpenAPI does not know, or we do not use, is an error.
type apiFile struct {
	OpenAPI    string                `json:"openapi"`
	Info       apiInfo               `json:"info"`
	Servers    []apiServer           `json:"servers"`
	Security   []map[string][]string `json:"security"`
	Tags       []apiTag              `json:"tags"`
	Paths      map[string]*apiPath   `json:"paths"`
	Components struct {
		SecuritySchemes map[string]map[string]string `json:"securitySchemes"`
		Parameters      map[string]*apiParameter     `json:"parameters"`
		RequestBodies   map[string]*apiBody          `json:"requestBodies"`
		Responses       map[string]*apiAnswer        `json:"responses"`
		Schemas         map[string]*schema           `json:"schemas"`
	} `json:"components"`

	mux *http.ServeMux // tells which call a request is; it serves none
}

type (
	apiInfo struct {
		Title       string            `json:"title"`
		Version     string            `json:"version"`
		Summary     string            `json:"summary"`
		Description string            `json:"description"`
		License     map[string]string `json:"license"`
	}
	apiServer struct {
		URL         string `json:"url"`
		Description string `json:"description"`
	}
	apiTag struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	apiPath struct {
		Parameters []*apiParameter `json:"parameters"`
		Get        *operation      `json:"get"`
		Put        *operation      `json:"put"`
		Post       *operation      `json:"post"`
		Patch      *operation      `json:"patch"`
		Delete     *operation      `json:"delete"`
		Options    *operation      `json:"options"`
	}
	operation struct {
		ID          string                 `json:"operationId"`
		Tags        []string               `json:"tags"`
		Summary     string                 `json:"summary"`
		Description string                 `json:"description"`
		Security    *[]map[string][]string `json:"security"`
		Parameters  []*apiParameter        `json:"parameters"`
		Body        *apiBody               `json:"requestBody"`
		Answers     map[string]*apiAnswer  `json:"responses"`
	}
	apiParameter struct {
		Ref         string  `json:"$ref"`
		Name        string  `json:"name"`
		In          string  `json:"in"`
		Required    bool    `json:"required"`
		Description string  `json:"description"`
		Schema      *schema `json:"schema"`
	}
	apiBody struct {
		Ref         string                `json:"$ref"`
		Description string                `json:"description"`
		Required    bool                  `json:"required"`
		Content     map[string]apiContent `json:"content"`
	}
	apiAnswer struct {
		Ref         string                `json:"$ref"`
		Description string                `json:"description"`
		Headers     map[string]apiHeader  `json:"headers"`
		Content     map[string]apiContent `json:"content"`
	}
	apiHeader struct {
		Description string  `json:"description"`
		Schema      *schema `json:"schema"`
	}
	apiContent struct {
		Schema *schema `json:"schema"`
	}
)

func (p *apiPath) operations() map[string]*operation {
	all := map[string]*operation{"GET": p.Get, "PUT": p.Put, "POST": p.Post, "PATCH": p.Patch, "DELETE": p.Delete, "OPTIONS": p.Options}
	maps.DeleteFunc(all, func(_ string, o *operation) bool { return o == nil })
	return all
}

// succeeds reports whether a status of the file is no refusal: 101 is what opens a WebSocket.
func succeeds(status string) bool { return status[0] == '2' || status == "101" }

// calls are the file's operations as "GET /rooms/{id}".
func (f *apiFile) calls() iter.Seq2[string, *operation] {
	return func(yield func(string, *operation) bool) {
		for _, path := range slices.Sorted(maps.Keys(f.Paths)) {
			for method, o := range f.Paths[path].operations() {
				if !yield(method+" "+path, o) {
					return
				}
			}
		}
	}
}

// openAPI reads the file, with every reference replaced by what it names.
var openAPI = sync.OnceValues(func() (*apiFile, error) {
	f := &apiFile{}
	d := json.NewDecoder(bytes.NewReader(description))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, err
	}
	f.mux = http.NewServeMux()
	for call := range f.calls() {
		f.mux.Handle(strings.Replace(call, " ", " "+apiPrefix, 1), http.NotFoundHandler())
	}
	return f, f.resolve()
})

func (f *apiFile) resolve() error {
	var errs []error
	used := make(map[string]bool)
	components := func(kind string, names iter.Seq[string], each func(name string)) {
		for name := range names {
			each(name)
			if ref := "#/components/" + kind + "/" + name; !used[ref] {
				used[ref] = false
			}
		}
	}
	c := &f.Components
	schemaAt := func(at string, s *schema) {
		s.each(at, func(at string, s *schema) {
			if s.Ref == "" {
				return
			}
			used[s.Ref] = true
			if s.target = c.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]; s.target == nil {
				errs = append(errs, fmt.Errorf("%s: %s is nowhere", at, s.Ref))
			}
		})
	}
	content := func(at string, all map[string]apiContent) {
		for kind, one := range all {
			schemaAt(at+" "+kind, one.Schema)
		}
	}
	parameter := func(at string, p *apiParameter) {
		if p.Ref != "" {
			used[p.Ref] = true
			if meant := c.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]; meant != nil {
				*p = *meant
			} else {
				errs = append(errs, fmt.Errorf("%s: %s is nowhere", at, p.Ref))
			}
		}
		schemaAt(at+" "+p.Name, p.Schema)
	}
	body := func(at string, b *apiBody) {
		if b.Ref != "" {
			used[b.Ref] = true
			if meant := c.RequestBodies[strings.TrimPrefix(b.Ref, "#/components/requestBodies/")]; meant != nil {
				*b = *meant
			} else {
				errs = append(errs, fmt.Errorf("%s: %s is nowhere", at, b.Ref))
			}
		}
		content(at, b.Content)
	}
	answer := func(at string, a *apiAnswer) {
		if a.Ref != "" {
			used[a.Ref] = true
			if meant := c.Responses[strings.TrimPrefix(a.Ref, "#/components/responses/")]; meant != nil {
				*a = *meant
			} else {
				errs = append(errs, fmt.Errorf("%s: %s is nowhere", at, a.Ref))
			}
		}
		content(at, a.Content)
		for name, h := range a.Headers {
			schemaAt(at+" "+name, h.Schema)
		}
	}
	components("schemas", maps.Keys(c.Schemas), func(name string) { schemaAt(name, c.Schemas[name]) })
	components("parameters", maps.Keys(c.Parameters), func(name string) { parameter(name, c.Parameters[name]) })
	components("requestBodies", maps.Keys(c.RequestBodies), func(name string) { body(name, c.RequestBodies[name]) })
	components("responses", maps.Keys(c.Responses), func(name string) { answer(name, c.Responses[name]) })
	for path, p := range f.Paths {
		for _, one := range p.Parameters {
			parameter(path, one)
		}
		for method, o := range p.operations() {
			at := method + " " + path
			for _, one := range o.Parameters {
				parameter(at, one)
			}
			if o.Body != nil {
				body(at, o.Body)
			}
			for status, a := range o.Answers {
				answer(at+" "+status, a)
			}
		}
	}
	for ref, isUsed := range used {
		if !isUsed {
			errs = append(errs, fmt.Errorf("nothing uses %s", ref))
		}
	}
	return errors.Join(errs...)
}

func theFile(t testing.TB) *apiFile {
	t.Helper()
	f, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOpenAPIFileIsValid: what OpenAPI 3.1 asks of a file and its decoding above does not show.
func TestOpenAPIFileIsValid(t *testing.T) {
	if twice := repeatedKey(json.NewDecoder(bytes.NewReader(description)), ""); twice != "" {
		t.Errorf("%s is there twice", twice)
	}
	f := theFile(t)
	if !strings.HasPrefix(f.OpenAPI, "3.1.") || f.Info.Title == "" || f.Info.Version == "" || len(f.Servers) != 1 || f.Servers[0].URL != apiPrefix {
		t.Errorf("openapi %q, info %+v, servers %+v", f.OpenAPI, f.Info, f.Servers)
	}
	tags := make(map[string]int)
	for _, tag := range f.Tags {
		tags[tag.Name] = 0
	}
	security := func(at string, all []map[string][]string) {
		for _, one := range all {
			for name := range one {
				if f.Components.SecuritySchemes[name] == nil {
					t.Errorf("%s: there is no security scheme %s", at, name)
				}
			}
		}
	}
	security("all", f.Security)
	ids := make(map[string]string)
	status := regexp.MustCompile(`^[1-5][0-9][0-9]$`)
	for call, o := range f.calls() {
		_, path, _ := strings.Cut(call, " ")
		if !strings.HasPrefix(path, "/") {
			t.Errorf("%s: a path begins with /", call)
		}
		if o.ID == "" || o.Summary == "" || len(o.Tags) == 0 {
			t.Errorf("%s: operationId %q, summary %q, tags %q", call, o.ID, o.Summary, o.Tags)
		}
		if other := ids[o.ID]; other != "" {
			t.Errorf("%s and %s are both %s", call, other, o.ID)
		}
		ids[o.ID] = call
		for _, tag := range o.Tags {
			if _, ok := tags[tag]; !ok {
				t.Errorf("%s: there is no tag %q", call, tag)
			}
			tags[tag]++
		}
		if o.Security != nil {
			security(call, *o.Security)
		}
		want := regexp.MustCompile(`\{[^}]+\}`).FindAllString(path, -1)
		var have []string
		for _, p := range append(slices.Clone(f.Paths[path].Parameters), o.Parameters...) {
			switch p.In {
			case "path":
				have = append(have, "{"+p.Name+"}")
				if !p.Required {
					t.Errorf("%s: a parameter in the path must be required", call)
				}
			case "header", "query", "cookie":
			default:
				t.Errorf("%s: parameter %s is in %q", call, p.Name, p.In)
			}
			if p.Schema == nil {
				t.Errorf("%s: parameter %s has no schema", call, p.Name)
			}
		}
		if !slices.Equal(want, have) {
			t.Errorf("%s: has the parameters %v", call, have)
		}
		done := false
		for code, a := range o.Answers {
			if !status.MatchString(code) || a.Description == "" {
				t.Errorf("%s: %s %q", call, code, a.Description)
			}
			done = done || succeeds(code)
		}
		if !done {
			t.Errorf("%s: never succeeds", call)
		}
		if o.Body != nil && len(o.Body.Content) == 0 {
			t.Errorf("%s: a body of no type", call)
		}
	}
	for tag, n := range tags {
		if n == 0 {
			t.Errorf("nothing has the tag %q", tag)
		}
	}
	types := []string{"", "string", "boolean", "integer", "number", "array", "object"}
	valid := func(at string, s *schema) {
		s.each(at, func(at string, s *schema) {
			if !slices.Contains(types, s.Type) {
				t.Errorf("%s: there is no type %q", at, s.Type)
			}
			if _, err := regexp.Compile(s.Pattern); err != nil {
				t.Errorf("%s: %v", at, err)
			}
			if s.Type == "array" && s.Items == nil {
				t.Errorf("%s: an array of what?", at)
			}
			for _, name := range s.Required {
				if s.Type == "object" && s.Properties[name] == nil {
					t.Errorf("%s: requires %s, which it does not describe", at, name)
				}
			}
			if words := s.words(); len(slices.Compact(slices.Clone(words))) != len(words) {
				t.Errorf("%s: twice the same in %q", at, words)
			}
		})
	}
	for name, s := range f.Components.Schemas {
		valid(name, s)
	}
	for call, o := range f.calls() {
		if o.Body != nil {
			for kind, c := range o.Body.Content {
				valid(call+" "+kind, c.Schema)
			}
		}
		for code, a := range o.Answers {
			for kind, c := range a.Content {
				valid(call+" "+code+" "+kind, c.Schema)
			}
		}
	}
}

// repeatedKey names a key that an object of the document has twice: a decoder takes the last in silence.
func repeatedKey(d *json.Decoder, at string) string {
	token, err := d.Token()
	if err != nil {
		return err.Error()
	}
	delim, _ := token.(json.Delim)
	keys := make(map[string]bool)
	for i := 0; delim != 0 && d.More(); i++ {
		below := fmt.Sprintf("%s[%d]", at, i)
		if delim == '{' {
			token, _ := d.Token()
			key := fmt.Sprint(token)
			if below = at + "." + key; keys[key] {
				return below
			}
			keys[key] = true
		}
		if found := repeatedKey(d, below); found != "" {
			return found
		}
	}
	if delim != 0 {
		_, _ = d.Token() // its end
	}
	return ""
}

// TestOpenAPIHasEveryCall: the file's calls are the server's, each takes what the server decodes and answers what the server
// encodes, field by field.
func TestOpenAPIHasEveryCall(t *testing.T) {
	f := theFile(t)
	s := newSite(t, Options{})
	var check checkCreated
	s.call("POST", "/api/v1/check", "", http.StatusCreated, &check)
	open := strings.NewReplacer("/rooms/{id}", "/rooms/"+s.startRoom().ID.String(), "/check/{id}", "/check/"+check.ID, "{session}", "abc")

	if n := len(source(t, `\.decode\(w, r, `, "*.go")); n != 1 {
		t.Errorf("bodies are decoded in %d places: only taking knows their type", n)
	}
	bodies := make(map[string]reflect.Type) // by call, as the file names it
	for _, c := range s.calls() {
		method, path, found := strings.Cut(c.pattern, " ")
		if found {
			bodies[method+" "+strings.TrimPrefix(path, apiPrefix)] = c.body
			continue
		}
		// The call itself knows its methods, and says so.
		_, h, _ := s.send(s.request("OPTIONS", open.Replace(method), ""))
		for one := range strings.SplitSeq(h.Get("Allow"), ", ") {
			bodies[one+" "+strings.TrimPrefix(method, apiPrefix)] = c.body
		}
	}
	told := make(map[string]bool)
	tell := func(found []string) {
		t.Helper()
		for _, one := range found {
			if !told[one] {
				t.Error(one)
			}
			told[one] = true
		}
	}
	answers := map[string]any{ // of those that need no key
		"POST " + strings.TrimPrefix(redeemPath, apiPrefix): keyGiven{},
		"GET " + strings.TrimPrefix(socketPath, apiPrefix):  nil,
	}
	for _, r := range allRoutes {
		answers[r.method+" "+strings.TrimPrefix(r.path, apiPrefix)] = r.answer
	}

	asked, inFile := found(t, `(?:\bq|Query\(\))\.Get\("(\w+)"\)`, "*.go"), []string{}
	for _, o := range f.calls() {
		for _, p := range o.Parameters {
			if p.In == "query" {
				inFile = append(inFile, p.Name)
			}
		}
	}
	slices.Sort(inFile)
	if inFile = slices.Compact(inFile); !slices.Equal(asked, inFile) {
		t.Errorf("of queries the server reads %q, the file has %q", asked, inFile)
	}
	for call := range bodies {
		if _, ok := answers[inPath.Replace(call)]; !ok {
			t.Errorf("%s is not in allRoutes", call)
		}
		method, path, _ := strings.Cut(call, " ")
		if p := f.Paths[path]; p == nil || p.operations()[method] == nil {
			t.Errorf("the file lacks %s", call)
		}
	}
	for call, o := range f.calls() {
		body, ok := bodies[call]
		if !ok {
			t.Errorf("the file has %s, the server does not", call)
			continue
		}
		switch inFile := o.json(); {
		case body == nil && inFile != nil:
			t.Errorf("%s: takes no JSON", call)
		case body != nil:
			tell(inFile.differences(call+" takes", body, true))
		}
		answer := answers[inPath.Replace(call)]
		for status, a := range o.Answers {
			inFile := a.Content["application/json"].Schema
			switch {
			case !succeeds(status) && a.Content == nil:
				t.Errorf("%s %s: a refusal without words", call, status)
			case !succeeds(status):
				tell(inFile.differences(call+" "+status, reflect.TypeFor[errorAnswer](), false))
			case (answer == nil) != (inFile == nil):
				t.Errorf("%s %s: JSON in the file is %t, in allRoutes %t", call, status, inFile != nil, answer != nil)
			case answer != nil:
				tell(inFile.differences(call+" "+status, reflect.TypeOf(answer), false))
			}
		}
		// What every call of a kind may be refused for.
		refusals := []string{"403"}
		if body != nil {
			refusals = append(refusals, "400", "413", "415")
		}
		if strings.Contains(call, " /rooms/{id}") {
			refusals = append(refusals, "400", "404")
		}
		for _, status := range refusals {
			if o.Answers[status] == nil {
				t.Errorf("%s: may be refused with %s", call, status)
			}
		}
	}
}

// json is the schema of the JSON that a call takes, nil if it takes none.
func (o *operation) json() *schema {
	if o.Body == nil {
		return nil
	}
	return o.Body.Content["application/json"].Schema
}

// found returns what a pattern's group matches in source files of this module, once each, in order.
func found(t *testing.T, pattern string, files ...string) []string {
	t.Helper()
	var all []string
	for _, m := range source(t, pattern, files...) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("%s is not in %v", pattern, files)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// source finds a pattern in source files, not in tests.
func source(t *testing.T, pattern string, files ...string) (found [][]string) {
	t.Helper()
	for _, glob := range files {
		names, err := filepath.Glob(glob)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", glob, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, regexp.MustCompile(pattern).FindAllStringSubmatch(string(src), -1)...)
		}
	}
	return found
}

// TestOpenAPIHasEveryWord: enumerations of the file are those of the code.
func TestOpenAPIHasEveryWord(t *testing.T) {
	f := theFile(t)
	schemas := f.Components.Schemas
	event := func(name string) *schema {
		for _, one := range schemas["Event"].OneOf {
			if one.Properties["event"].Const == name {
				return one.Properties["data"].end()
			}
		}
		t.Fatalf("the file has no event %q", name)
		return nil
	}
	var roles, modes, purposes []string
	for r := room.Role(0); !strings.HasPrefix(r.String(), "unknown"); r++ {
		roles = append(roles, r.String())
	}
	for m := room.Mode(0); !strings.HasPrefix(m.String(), "unknown"); m++ {
		modes = append(modes, m.String())
	}
	for p := ledger.ForTickets; p.String() != "unknown"; p++ {
		purposes = append(purposes, p.String())
	}
	for _, row := range []struct {
		name   string
		inFile *schema
		inCode []string
	}{
		{"actions", schemas["Action"], node.Actions()},
		{"roles", schemas["Role"], roles},
		{"modes", schemas["Mode"], modes},
		{"phases of a room", schemas["Phase"], found(t, `Phase += "(\w+)"`, "../view.go")},
		{"reactions", schemas["Emoji"], slices.Clone(room.Emoji)},
		{"states of what is heard", schemas["QualityState"], found(t, `(?:State: |q\.State, q\.Text = )"(\w+)"`, "../*.go")},
		{"phases of a sound check", event("check").Properties["phase"], found(t, `(?:checkEvent\{c\.id, |e\.Phase = )"(\w+)"`, "check.go")},
		{"what is bought", schemas["Pending"].Properties["purpose"], purposes},
		{"steps of the demo", event("demo").Properties["step"], found(t, `Step\{Step: "(\w+)"`, "../demo/*.go")},
	} {
		slices.Sort(row.inCode)
		if inFile := row.inFile.words(); !slices.Equal(inFile, row.inCode) {
			t.Errorf("%s: in the file %q, in the code %q", row.name, inFile, row.inCode)
		}
	}
}

// eventTypes are the Go types of what events tell.
var eventTypes = map[string]any{
	"status":    node.Status{},
	"people":    peopleList{},
	"rooms":     roomList{},
	"room":      node.RoomView{},
	"chat":      chatLines{},
	"left":      leftEvent{},
	"levels":    levelsEvent{},
	"reactions": reactionsEvent{},
	"tip":       tipEvent{},
	"quality":   qualityEvent{},
	"reset":     struct{}{},
	"check":     checkEvent{},
	"demo":      demo.Step{},
}

// TestOpenAPIHasEveryEvent: the file's events are those that are sent, field by field.
func TestOpenAPIHasEveryEvent(t *testing.T) {
	sent := found(t, `(?:\b(?:tell|add)\("|\bevent: ")(\w+)"[,}]`, "hub.go", "check.go", "demo.go")
	if known := slices.Sorted(maps.Keys(eventTypes)); !slices.Equal(sent, known) {
		t.Errorf("sent are %q, eventTypes has %q", sent, known)
	}
	var inFile []string
	for _, one := range theFile(t).Components.Schemas["Event"].OneOf {
		name := one.Properties["event"].Const
		inFile = append(inFile, name)
		if eventTypes[name] == nil {
			continue // told below
		}
		for _, d := range one.Properties["data"].differences("event "+name, reflect.TypeOf(eventTypes[name]), false) {
			t.Error(d)
		}
	}
	if slices.Sort(inFile); !slices.Equal(inFile, sent) {
		t.Errorf("sent are %q, the file has %q", sent, inFile)
	}
}

// Where the codes of refusals come from: what makes one, with its status, if that is written there, and its code.
var refusals = []struct {
	files   []string
	makes   string // everything that could be one
	literal string // one as it must be written, with status and code
	passes  string // those that only pass on what another one made; empty: none
	status  func(code string) int
}{
	{[]string{"../*.go", "../demo/*.go"}, `UserError\{[^}]`, `UserError\{\s*(?:Code: )?()"(\w+)"`, "", statusOf},
	{[]string{"*.go"}, `\bwriteError\(w, `, `\bwriteError\(w, http\.Status(\w+), "(\w+)"`, `\bwriteError\(w, (?:statusOf\(u\.Code\)|r\.Status|http\.StatusForbidden, code|status int)`, nil},
	{[]string{"*.go"}, `\.refuse\(w, `, `\.refuse\(w, ()"(\w+)"`, "", func(string) int { return http.StatusForbidden }},
	{[]string{"*.go"}, `Refusal\{`, `Refusal\{Status: http\.Status(\w+), Name: "(\w+)"`, `Refusal\{Status: statusOf\(u\.Code\)`, nil},
	{[]string{"../rtc/*.go"}, `\brefusal\(`, `\brefusal\(http\.Status(\w+), "(\w+)"`, `refusal\(status int`, nil},
}

// TestOpenAPIHasEveryRefusal: for each status, the file lists the codes that the code has.
func TestOpenAPIHasEveryRefusal(t *testing.T) {
	inCode := map[string]bool{"409 refused": true} // what nobody foresaw: node.Explain
	for _, from := range refusals {
		literals := source(t, from.literal, from.files...)
		passes := 0
		if from.passes != "" {
			passes = len(source(t, from.passes, from.files...))
		}
		if all := len(source(t, from.makes, from.files...)); all != len(literals)+passes {
			t.Errorf("%s: %d places, of which %d can be read", from.makes, all, len(literals)+passes)
		}
		for _, m := range literals {
			status := 0
			if from.status != nil {
				status = from.status(m[2])
			} else {
				status = statusNamed(m[1])
			}
			inCode[fmt.Sprint(status, " ", m[2])] = true
		}
	}
	delete(inCode, "405 method")       // of the page, not of the API
	delete(inCode, "405 wrong_method") // no call of the file is answered with it
	for _, code := range []string{"no_guests", "on_stage", "locked"} {
		delete(inCode, "409 "+code) // of the guests' page
	}
	inFile := make(map[string]bool)
	for call, o := range theFile(t).calls() {
		for status, a := range o.Answers {
			if succeeds(status) {
				continue
			}
			code := a.Content["application/json"].Schema.Properties["error"].Properties["code"]
			if len(code.words()) == 0 {
				t.Errorf("%s %s: no codes", call, status)
			}
			for _, word := range code.words() {
				inFile[status+" "+word] = true
			}
		}
	}
	for one := range inCode {
		if !inFile[one] {
			t.Errorf("the file lacks %s", one)
		}
	}
	for one := range inFile {
		if !inCode[one] {
			t.Errorf("the file has %s, the code does not", one)
		}
	}
}

// statusNamed is the number of http.StatusNAME.
func statusNamed(name string) int {
	for n := 400; n < 600; n++ {
		if strings.ReplaceAll(http.StatusText(n), " ", "") == name {
			return n
		}
	}
	return 0
}

// TestOpenAPISaysWhatActionsNeed: an action without one field, or without any, is refused for it exactly if the file says so.
func TestOpenAPISaysWhatActionsNeed(t *testing.T) {
	s := newSite(t, Options{})
	takes := theFile(t).Paths["/rooms/{id}/do"].Post.json()
	all := map[string]any{"person": stranger, "volume": 0.5, "place": 1, "seconds": 5, "ref": 1 << 20, "text": "Hi", "emoji": "👏"}
	lacking := regexp.MustCompile(`"code":"(no_person|bad_\w+)"`)
	for _, action := range node.Actions() {
		for _, without := range append(slices.Sorted(maps.Keys(all)), "any") {
			body := map[string]any{"action": action}
			if without != "any" {
				maps.Copy(body, all)
				delete(body, without)
			}
			document, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			do := apiPrefix + "/rooms/" + s.startRoom().ID.String() + "/do"
			_, _, answer := s.send(s.request("POST", do, string(document)))
			s.send(s.request("POST", do, `{"action":"leave"}`)) // or there would be too many rooms
			if inFile, refused := wrongJSON(takes, string(document)) != "", lacking.MatchString(answer); inFile != refused {
				t.Errorf("%s without %s: refused by the file %t, in truth %t: %s", action, without, inFile, refused, answer)
			}
		}
	}
}

// answered holds an answer beside the file, and names the call and status as the file does; "" for what is no call of it.
func (s *site) answered(r *http.Request, status int, h http.Header, body string) string {
	s.t.Helper()
	f := theFile(s.t)
	_, pattern := f.mux.Handler(r)
	method, path, _ := strings.Cut(pattern, " ")
	path = strings.TrimPrefix(path, apiPrefix)
	if pattern == "" || method != r.Method {
		return ""
	}
	o := f.Paths[path].operations()[method]
	call := fmt.Sprint(method, " ", path, " ", status)
	a := o.Answers[fmt.Sprint(status)]
	if a == nil {
		s.t.Errorf("%s is not in openapi.json: %s", call, body)
		return call
	}
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if _, ok := a.Content[kind]; !ok && (kind != "" || len(a.Content) > 0) {
		s.t.Errorf("%s: %q is not in openapi.json", call, kind)
	}
	for name := range a.Headers {
		if h.Get(name) == "" && name != "Retry-After" {
			s.t.Errorf("%s: has no %s", call, name)
		}
	}
	if wrong := wrongJSON(a.Content["application/json"].Schema, body); wrong != "" {
		s.t.Errorf("%s: %s", call, wrong)
	}
	if takes := o.json(); takes != nil && status < 300 && r.GetBody != nil {
		sent, err := r.GetBody()
		if err != nil {
			s.t.Fatal(err)
		}
		b, err := io.ReadAll(sent)
		if err != nil {
			s.t.Fatal(err)
		}
		if wrong := wrongJSON(takes, string(b)); wrong != "" {
			s.t.Errorf("%s, though by openapi.json %s", call, wrong)
		}
	}
	return call
}

// wrongJSON says what is wrong with a document, "" if nothing is.
func wrongJSON(s *schema, document string) string {
	if s == nil {
		return ""
	}
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		return err.Error()
	}
	return s.check("JSON", v)
}

// wrong says how an event differs from the file, "" if it does not. notice is one that only these tests send.
func (e event) wrong(f *apiFile) string {
	if e.name == "notice" {
		return ""
	}
	return wrongJSON(f.Components.Schemas["Event"], fmt.Sprintf(`{"event": %q, "data": %s}`, e.name, e.data))
}

// TestEveryCallSucceedsAsDescribed: each call of the file, done once so that it works, is answered as the file says, and no
// success is in the file that cannot be had.
func TestEveryCallSucceedsAsDescribed(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the demo's nodes")
	}
	s, other := newSite(t, Options{}), newSite(t, Options{})
	seen := map[string]bool{
		"POST /check/{id}/whep 201":        true, // want five seconds of real sound: see node/browser
		"POST /check/{id}/socket/play 201": true,
		"PUT /rails/lnaddress 200":         true, // wants a wallet with a name of its own and a certificate: see node/market/lnaddress
	}
	var header http.Header
	do := func(method, path, contentType, body string) string {
		t.Helper()
		r := s.request(method, apiPrefix+path, body)
		if r.Header.Set("Content-Type", contentType); contentType == "" {
			r.Header.Del("Content-Type")
		}
		status, h, answer := s.send(r)
		call := s.answered(r, status, h, answer)
		if status >= 300 {
			t.Errorf("%s: %s", call, answer)
		}
		header, seen[call] = h, true
		return answer
	}
	stream := func(path string) {
		t.Helper()
		r := s.request("GET", apiPrefix+path, "")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		seen[s.answered(r, resp.StatusCode, resp.Header, "")] = true
	}
	const jsonType = "application/json"
	do("GET", "/openapi.json", "", "")
	do("GET", "/status", "", "")
	do("PUT", "/name", jsonType, `{"name":"Ana"}`)
	do("PUT", "/volunteer", jsonType, `{"on":true,"kbps":500}`)
	do("POST", "/peers", jsonType, `{"addr":"`+other.n.Status().Addrs[0]+`"}`)
	evening, err := other.n.StartRoom(node.Start{Title: "Evening", Access: room.ByTicket, Sale: node.Sale{Price: euros(5), Seats: 5, Credit: euros(5)}})
	if err != nil {
		t.Fatal(err)
	}
	do("POST", "/tickets/offers", jsonType, `{"link":"`+evening.View().Link+`"}`)
	var bought node.BoughtView
	if err := json.Unmarshal([]byte(do("POST", "/tickets", jsonType, `{"link":"`+evening.View().Link+`","price":"5 EUR"}`)), &bought); err != nil || len(bought.Tickets) != 1 {
		t.Fatalf("%+v, %v", bought, err)
	}
	do("GET", "/tickets/"+bought.Tickets[0]+"/qr.svg", "", "")
	do("GET", "/ledger/evidence/"+bought.Receipt, "", "")
	do("GET", "/tickets/pending", "", "")
	var mine ticketList
	if err := json.Unmarshal([]byte(do("GET", "/tickets", "", "")), &mine); err != nil || len(mine.Tickets) != 1 {
		t.Fatalf("%+v, %v", mine, err)
	}
	do("POST", "/tickets/transfer", jsonType, `{"ticket":"`+mine.Tickets[0].ID+`","to":"`+stranger+`"}`)
	do("POST", "/tickets/news", "", "")
	do("GET", "/tickets/wishes", "", "")
	var wish node.WishView
	if err := json.Unmarshal([]byte(do("POST", "/tickets/wishes", jsonType, `{"link":"`+evening.View().Link+`","price":"4 EUR"}`)), &wish); err != nil {
		t.Fatal(err)
	}
	do("PUT", "/tickets/wishes/"+wish.ID, jsonType, `{"price":"`+wish.Asked+`"}`)
	do("DELETE", "/tickets/wishes/"+wish.ID, "", "")
	waysOfPaying(t, do, other.n)
	page := s
	s = other
	do("PUT", "/tickets/offers", jsonType, `{"room":"Evening","seats":6,"starts":`+fmt.Sprint(time.Now().Add(time.Hour).UnixMilli())+`}`)
	var given node.GivenView
	if err := json.Unmarshal([]byte(do("POST", "/tickets/give", jsonType, `{"room":"Evening","to":"`+page.n.Person().String()+`"}`)), &given); err != nil {
		t.Fatal(err)
	}
	do("POST", "/tickets/sold", jsonType, `{"room":"Evening"}`)
	s = page
	do("POST", "/tickets/check", jsonType, `{"text":"`+given.Text+`"}`)
	do("POST", "/tickets/accept", jsonType, `{"text":"`+given.Text+`"}`)
	s = other
	s = page
	do("POST", "/ledger/settle", jsonType, `{"person":"`+other.n.Person().String()+`","money":"5 EUR"}`)
	s = other
	var said claimList
	if err := json.Unmarshal([]byte(do("GET", "/ledger/claims", "", "")), &said); err != nil || len(said.Claims) != 1 {
		t.Fatalf("%+v, %v", said, err)
	}
	do("POST", "/ledger/received", jsonType, `{"claim":"`+said.Claims[0].Claim[:8]+`"}`)
	do("PUT", "/ledger/credit", jsonType, `{"person":"`+stranger+`","money":"20 EUR"}`)
	do("GET", "/ledger/credit", "", "")
	do("POST", "/tickets/refund", jsonType, `{"room":"Evening","all":true}`)
	do("GET", "/tickets/sales", "", "")
	do("GET", "/tickets/due", "", "")
	var sold soldList
	if err := json.Unmarshal([]byte(do("POST", "/tickets/sold", jsonType, `{"room":"Evening"}`)), &sold); err != nil || len(sold.Tickets) == 0 {
		t.Fatalf("%+v, %v", sold, err)
	}
	do("POST", "/tickets/sent", jsonType, `{"receipt":"`+sold.Tickets[0].Receipt+`"}`)
	do("POST", "/rooms/"+evening.View().ID.String()+"/do", jsonType, `{"action":"leave"}`)
	do("POST", "/tickets/close", jsonType, `{"room":"`+evening.View().ID.String()+`"}`)
	do("POST", "/tickets/cancel", jsonType, `{"room":"`+evening.View().ID.String()+`"}`)
	s = page
	do("GET", "/tickets", "", "")
	matinee, err := s.n.StartRoom(node.Start{Title: "Matinee", Access: room.ByTicket, Sale: node.Sale{Price: euros(5), Seats: 5, Credit: euros(5)},
		CoHosts: []node.PersonView{{Person: other.n.Person(), Name: "Bo"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.n.Join(t.Context(), matinee.View().Link); err != nil {
		t.Fatal(err)
	}
	box, err := room.ParseLink(evening.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	do("POST", "/tickets/sellers", jsonType, `{"room":"Matinee","who":"`+box.Device.String()+`","seats":2}`)
	do("DELETE", "/tickets/sellers/"+box.Device.String(), "", "")
	do("POST", "/tips/ways", jsonType, `{"to":"`+evening.View().Link+`","amount":"1 EUR"}`)
	do("POST", "/tips", jsonType, `{"to":"`+evening.View().Link+`","amount":"1 EUR","note":"Encore!"}`)
	var place node.PlaceView
	if err := json.Unmarshal([]byte(do("POST", "/address", jsonType, `{"rail":"lnd","address":"node"}`)), &place); err != nil {
		t.Fatal(err)
	}
	do("POST", "/charities", jsonType, `{"word":"`+place.Word+`"}`)
	who, err := doc.ParsePublicKey(stranger)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := s.n.StartRoom(node.Start{Title: "Shared", Access: room.ByTicket, Sale: node.Sale{Price: euros(5), Seats: 5, Credit: euros(5), Shares: []node.SplitView{{To: "co-host", Key: who, BasisPoints: 5000}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.n.BuyTickets(t.Context(), shared.View().Link, 1, euros(5), ledger.IOURail); err != nil {
		t.Fatal(err)
	}
	do("POST", "/ledger/payout", jsonType, `{"rail":"hand","means":"cash","least":"2.50 EUR"}`)
	var shares node.SharesView
	if err := json.Unmarshal([]byte(do("GET", "/ledger/shares?room=Shared", "", "")), &shares); err != nil || len(shares.Going) != 1 || shares.Going[0].Money != "2.50 EUR" || len(shares.From) != 1 {
		t.Fatalf("%+v, %v", shares, err)
	}
	do("POST", "/ledger/payout/undo", jsonType, `{"payment":"`+shares.Going[0].Payment[:8]+`"}`)
	do("POST", "/ledger/shares", "", "")
	if _, err := other.n.OfferSubscription(node.TierWish{Name: "Friends", Price: euros(3), Period: 30 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	do("POST", "/subscriptions/tiers", jsonType, `{"to":"`+evening.View().Link+`"}`)
	var sub node.SubscriptionView
	if err := json.Unmarshal([]byte(do("POST", "/subscriptions", jsonType, `{"to":"`+evening.View().Link+`","tier":"Friends","price":"3 EUR"}`)), &sub); err != nil {
		t.Fatal(err)
	}
	do("POST", "/subscriptions/offers", jsonType, `{"name":"Fans","price":"3 EUR","period":86400,"tax":"incl. 19 % VAT","perks":"A room a month"}`)
	do("PUT", "/subscriptions/offers", jsonType, `{"offer":"Fans","price":"4 EUR","perks":"Two rooms a month"}`)
	do("GET", "/subscriptions", "", "")
	do("GET", "/tickets/sellers", "", "")
	do("GET", "/keys", "", "")
	do("PUT", "/keys", jsonType, `{"later":true}`)
	do("POST", "/keys/export", jsonType, `{"passphrase":"correct horse battery staple"}`)
	do("POST", "/subscriptions/end", jsonType, `{"offer":"`+sub.Offer[:8]+`"}`)
	var pass passIssued
	if err := json.Unmarshal([]byte(do("POST", "/passes", "", "")), &pass); err != nil {
		t.Fatal(err)
	}
	_, word, _ := strings.Cut(pass.URL, "#pass=")
	do("POST", "/passes/redeem", jsonType, `{"pass":"`+word+`"}`)
	do("GET", "/counts", "", "")
	stream("/events")

	do("PUT", "/people/"+stranger, jsonType, `{"name":"Eve","blocked":true}`)
	do("GET", "/people", "", "")

	s = newSiteOf(t, Options{}, &node.Relay{Open: true, Hosts: []string{stranger}})
	do("GET", "/relay", "", "")
	do("GET", "/relay/records", "", "")
	folder := filepath.Join(s.n.Home().Dir, "service")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, room.ID{1}.String()+".json"), []byte(`{"version":1,"title":"Kitchen","records":["AAAA"]}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	do("GET", "/relay/records/"+room.ID{1}.String(), "", "")
	blocked := `{"what":"` + page.startRoom().ID.String() + `"}`
	do("POST", "/relay/block", jsonType, blocked)
	do("POST", "/relay/unblock", jsonType, blocked)
	do("POST", "/relay/block", jsonType, `{"what":"`+stranger+`"}`)
	s = newSiteAt(t, homeWithLedger(t), Options{}, nil)
	for _, path := range []string{"", "/entries", "/verify", "/audit/" + stranger, "/backup"} {
		do("GET", "/ledger"+path, "", "")
	}
	s = page

	theirs := other.startRoom()
	do("POST", "/preview", jsonType, `{"link":"`+theirs.Link+`"}`)
	do("POST", "/join", jsonType, `{"link":"`+theirs.Link+`"}`)
	do("POST", "/join", jsonType, `{"link":"`+theirs.Link+`"}`)
	do("POST", "/rooms", jsonType, `{"title":"Kitchen","mode":"concert","language":"de"}`)
	v := s.startRoom()
	at := "/rooms/" + v.ID.String()
	do("GET", "/rooms", "", "")
	do("GET", "/joined", "", "")
	do("POST", at+"/do", jsonType, `{"action":"say","text":"Hello"}`)
	do("POST", at+"/do", jsonType, `{"action":"pin","text":"Welcome"}`)
	for _, path := range []string{"", "/stats", "/tree", "/records", "/sales", "/people?search=a", "/chat?after=1", "/tips", "/qr.svg"} {
		do("GET", at+path, "", "")
	}
	do("POST", at+"/do", jsonType, `{"action":"volume","person":"`+v.Me.Person.String()+`","volume":0.5}`)
	do("PUT", at+"/speak", Frames, "\x01\xf8")
	stream(at + "/listen")

	var check checkCreated
	if err := json.Unmarshal([]byte(do("POST", "/check", "", "")), &check); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{at + "/whip", at + "/whep", "/check/" + check.ID + "/whip", "/check/" + check.ID + "/whep"} {
		do("OPTIONS", path, "", "")
		direction := webrtc.RTPTransceiverDirectionSendonly
		if strings.HasSuffix(path, "whep") {
			direction = webrtc.RTPTransceiverDirectionRecvonly
		}
		if path == "/check/"+check.ID+"/whep" {
			continue
		}
		do("POST", path, "application/sdp", offer(t, direction))
		session := strings.TrimPrefix(header.Get("Location"), apiPrefix)
		do("OPTIONS", session, "", "")
		do("PATCH", session, "application/trickle-ice-sdpfrag", "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n")
		do("DELETE", session, "", "")
	}
	for _, path := range []string{at + "/socket/publish", at + "/socket/play", "/check/" + check.ID + "/socket/publish"} {
		conn, resp, err := s.dial(s.socket(apiPrefix+path), nil)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		do("POST", path, "", "")
		seen[s.answered(resp.Request, resp.StatusCode, resp.Header, "")] = true
	}
	do("DELETE", "/check/"+check.ID, "", "")
	do("POST", "/demo", "", "")
	s.refusal(s.request("POST", apiPrefix+"/demo", ""), http.StatusConflict)
	do("DELETE", "/demo", "", "")

	for call, o := range theFile(t).calls() {
		for status := range o.Answers {
			if succeeds(status) && !seen[call+" "+status] {
				t.Errorf("%s %s was not had", call, status)
			}
		}
	}
}

// waysOfPaying sets up each, and has the tickets of another node's room paid by hand.
func waysOfPaying(t *testing.T, do func(method, path, contentType, body string) string, other *node.Node) {
	t.Helper()
	const jsonType = "application/json"
	body := func(v map[string]string) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	net := &lndtest.Network{}
	own, elsewhere, cards := net.New(t), nwctest.New(t, net.New(t)), stripetest.New(t)
	do("PUT", "/rails/nwc", jsonType, body(map[string]string{"connection": string(elsewhere.URI()), "max_payment": "10 sat", "max_day": "20 sat"}))
	do("DELETE", "/rails/nwc", "", "")
	do("PUT", "/rails/lnd", jsonType, body(map[string]string{"rest": own.URL(), "macaroon": lndtest.Admin, "cert": own.Cert(), "max_payment": "10 sat", "max_day": "20 sat"}))
	do("PUT", "/rails/lnd/limits", jsonType, `{"max_payment":"100 sat","max_day":"200 sat"}`)
	do("GET", "/rails/lnd/purse", "", "")
	do("DELETE", "/rails/lnd", "", "")
	do("PUT", "/rails/stripe", jsonType, body(map[string]string{"key": stripetest.Key, "base": cards.URL()}))
	do("GET", "/rails", "", "")

	alice := net.New(t)
	if err := other.AddLnd(t.Context(), lnd.Config{REST: alice.URL(), Cert: alice.Cert(), Macaroon: lndtest.InvoiceOnly}); err != nil {
		t.Fatal(err)
	}
	sats, err := other.StartRoom(node.Start{Title: "Sats", Access: room.ByTicket, Sale: node.Sale{Price: ledger.Money{Amount: 2_500_000, Cur: ledger.Bitcoin}, Seats: 5}})
	if err != nil {
		t.Fatal(err)
	}
	var begun node.BoughtView
	if err := json.Unmarshal([]byte(do("POST", "/tickets", jsonType, `{"link":"`+sats.View().Link+`","price":"2500 sat","rail":"lnd","by_hand":true}`)), &begun); err != nil || begun.Order == "" {
		t.Fatalf("%+v, %v", begun, err)
	}
	do("GET", "/tickets/pending/"+begun.Order+"/qr.svg", "", "")
	// A wallet shows that it paid, and the host's node says that nothing came.
	do("POST", "/tickets/pending/"+begun.Order+"/proof", jsonType, body(map[string]string{"preimage": hex.EncodeToString(alice.Preimage(begun.Pending.Request))}))
}

func euros(n ledger.Amount) ledger.Money { return ledger.Money{Amount: 100 * n, Cur: "EUR"} }

// offer is what a browser would post.
func offer(t *testing.T, d webrtc.RTPTransceiverDirection) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: d}); err != nil {
		t.Fatal(err)
	}
	o, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return o.SDP
}
