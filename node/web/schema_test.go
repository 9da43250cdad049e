package web

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// A schema is the part of JSON Schema that openapi.json uses. The file is decoded strictly: a keyword that is not here, and
// that nothing would check, is an error.
type schema struct {
	Ref         string             `json:"$ref"`
	Title       string             `json:"title"`
	Description string             `json:"description"`
	Type        string             `json:"type"`
	Required    []string           `json:"required"`
	Properties  map[string]*schema `json:"properties"`
	Additional  *additional        `json:"additionalProperties"`
	Items       *schema            `json:"items"`
	OneOf       []*schema          `json:"oneOf"`
	AnyOf       []*schema          `json:"anyOf"`
	AllOf       []*schema          `json:"allOf"`
	Const       string             `json:"const"`
	Enum        []string           `json:"enum"`
	Pattern     string             `json:"pattern"`
	Minimum     *float64           `json:"minimum"`
	Maximum     *float64           `json:"maximum"`
	If          *schema            `json:"if"`
	Then        *schema            `json:"then"`

	target *schema // of Ref
}

// additional are the properties that an object has beside those named: none, or any of one schema.
type additional struct{ *schema }

func (a *additional) UnmarshalJSON(b []byte) error {
	if string(b) == "false" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(&a.schema)
}

// each calls f for s and every schema within.
func (s *schema) each(at string, f func(at string, s *schema)) {
	if s == nil {
		return
	}
	f(at, s)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		s.Properties[name].each(at+"."+name, f)
	}
	if s.Additional != nil {
		s.Additional.each(at+".*", f)
	}
	s.Items.each(at+"[]", f)
	for i, one := range slices.Concat(s.OneOf, s.AnyOf, s.AllOf) {
		one.each(fmt.Sprintf("%s(%d)", at, i), f)
	}
	s.If.each(at+" if", f)
	s.Then.each(at+" then", f)
}

// end follows references to what is meant.
func (s *schema) end() *schema {
	for s.target != nil {
		s = s.target
	}
	return s
}

// words are the values of an enumeration, in order; none if s is not one.
func (s *schema) words() []string {
	words := slices.Clone(s.Enum)
	for _, one := range append([]*schema{s}, s.OneOf...) {
		if one.Const != "" {
			words = append(words, one.Const)
		}
	}
	slices.Sort(words)
	return words
}

// check returns what is wrong with a decoded JSON value, "" if nothing is. It is stricter than JSON Schema: an object has no
// other properties than its schema names.
func (s *schema) check(at string, v any) string {
	if s == nil {
		return ""
	}
	if wrong := s.target.check(at, v); wrong != "" {
		return wrong
	}
	if s.Type != "" && !isOfType(v, s.Type) {
		return fmt.Sprintf("%s is %v, not of type %s", at, v, s.Type)
	}
	if words := s.words(); len(words) > 0 && (s.Const != "" || len(s.Enum) > 0) && !slices.Contains(words, fmt.Sprint(v)) {
		return fmt.Sprintf("%s is %q, which is none of %q", at, v, words)
	}
	if text, ok := v.(string); ok && s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(text) {
		return fmt.Sprintf("%s is %q, not like %s", at, v, s.Pattern)
	}
	if n, ok := v.(float64); ok && (s.Minimum != nil && n < *s.Minimum || s.Maximum != nil && n > *s.Maximum) {
		return fmt.Sprintf("%s is %v: out of range", at, n)
	}
	fits := func(one *schema) bool { return one.check(at, v) == "" }
	if n := len(s.OneOf); n > 0 && len(slices.DeleteFunc(slices.Clone(s.OneOf), fits)) != n-1 {
		return fmt.Sprintf("%s is %v, which is not exactly one of what it may be", at, v)
	}
	if len(s.AnyOf) > 0 && !slices.ContainsFunc(s.AnyOf, fits) {
		return fmt.Sprintf("%s is %v, which is nothing of what it may be", at, v)
	}
	for _, one := range s.AllOf {
		if wrong := one.check(at, v); wrong != "" {
			return wrong
		}
	}
	if list, ok := v.([]any); ok && s.Items != nil {
		for i, item := range list {
			if wrong := s.Items.check(fmt.Sprintf("%s[%d]", at, i), item); wrong != "" {
				return wrong
			}
		}
	}
	if object, ok := v.(map[string]any); ok {
		for _, name := range s.Required {
			if _, ok := object[name]; !ok {
				return fmt.Sprintf("%s has no %s", at, name)
			}
		}
		for name, value := range object {
			p, known := s.Properties[name]
			if s.Additional != nil && !known {
				p, known = s.Additional.schema, s.Additional.schema != nil
			}
			if !known && s.Type == "object" && len(s.Properties) > 0 {
				return fmt.Sprintf("%s has %s, which is not described", at, name)
			}
			if wrong := p.check(at+"."+name, value); wrong != "" {
				return wrong
			}
		}
	}
	if s.If != nil && s.If.check(at, v) == "" {
		return s.Then.check(at, v)
	}
	return ""
}

func isOfType(v any, name string) bool {
	switch v := v.(type) {
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}

// differences compares s with the JSON of a Go type: names, JSON types, and what may be absent. A request's field may be
// absent whenever the schema says so; the decoder takes no others than it knows, and the schema must say that. What is
// wrong with a component is told under its name, however it was reached.
func (s *schema) differences(at string, t reflect.Type, request bool) (found []string) {
	differ := func(format string, args ...any) { found = append(found, at+" "+fmt.Sprintf(format, args...)) }
	if s == nil {
		differ("has no schema, and is a %v", t)
		return found
	}
	for s.target != nil {
		at, s = strings.TrimPrefix(s.Ref, "#/components/"), s.target
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind := s.Type
	if len(s.words()) > 0 {
		kind = "string"
	}
	if want := jsonType(t); kind != want {
		differ("is %q in the file and %s in Go (%v)", kind, want, t)
		return found
	}
	switch kind {
	case "array":
		found = append(found, s.Items.differences(at+"[]", t.Elem(), request)...)
	case "object":
		if t.Kind() == reflect.Map {
			if t.Elem().Kind() == reflect.Interface {
				break // any object
			}
			if s.Additional == nil || s.Additional.schema == nil {
				differ("names no properties, and Go has a %v", t)
				break
			}
			found = append(found, s.Additional.differences(at+".*", t.Elem(), request)...)
			break
		}
		if request && (s.Additional == nil || s.Additional.schema != nil) {
			differ("must have additionalProperties false: the call refuses fields that it does not know")
		}
		fields := jsonFields(t)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			f := fields[name]
			p, ok := s.Properties[name]
			if !ok {
				differ("has a field %s in Go (%v) that the file lacks", name, f.Type)
				continue
			}
			if required := slices.Contains(s.Required, name); !request && required == f.mayBeAbsent {
				differ("has a field %s: required %t in the file, may be absent %t in Go", name, required, f.mayBeAbsent)
			}
			found = append(found, p.differences(at+"."+name, f.Type, request)...)
		}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if _, ok := fields[name]; !ok {
				differ("has a field %s in the file that Go lacks (%v)", name, t)
			}
		}
	}
	return found
}

var textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()

// jsonType is what encoding/json makes of a type, in JSON Schema's words.
func jsonType(t reflect.Type) string {
	if t.Implements(textMarshaler) {
		return "string"
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	return t.Kind().String()
}

type jsonField struct {
	reflect.Type
	mayBeAbsent bool
}

// jsonFields are the fields of a struct by their names in JSON, those of embedded structs among them.
func jsonFields(t reflect.Type) map[string]jsonField {
	fields := make(map[string]jsonField)
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous && !tagged:
			maps.Copy(fields, jsonFields(f.Type))
		case !f.IsExported() || name == "-":
		default:
			if name == "" {
				name = f.Name
			}
			fields[name] = jsonField{f.Type, strings.Contains(options, "omit")}
		}
	}
	return fields
}
